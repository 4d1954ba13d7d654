package thumb

import "image"

// maxShrink keeps the sums of shrink within 32 bits.
const maxShrink = 128

// shrink makes a picture of src that is k times smaller, each pixel the average
// of k×k; nil for kinds of pictures that it does not know. What does not fill a
// last square is left out: less than k pixels at the right and at the bottom.
func shrink(img image.Image, src image.Rectangle, k int) *image.RGBA {
	w, h := src.Dx()/k, src.Dy()/k
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	n := uint32(k * k)
	switch m := img.(type) {
	case *image.YCbCr:
		shrinkYCbCr(out, m, src, k)
	case *image.Gray:
		for y := range h {
			for x := range w {
				var sum uint32
				for dy := range k {
					at := m.PixOffset(src.Min.X+x*k, src.Min.Y+y*k+dy)
					for _, v := range m.Pix[at : at+k] {
						sum += uint32(v)
					}
				}
				v := uint8(sum / n)
				set(out, x, y, v, v, v, 255)
			}
		}
	case *image.RGBA:
		each4(out, m.Pix, k, func(x, y int) int { return m.PixOffset(src.Min.X+x, src.Min.Y+y) }, func(x, y int, c [4]uint32) {
			set(out, x, y, uint8(c[0]/n), uint8(c[1]/n), uint8(c[2]/n), uint8(c[3]/n))
		}, false)
	case *image.NRGBA:
		each4(out, m.Pix, k, func(x, y int) int { return m.PixOffset(src.Min.X+x, src.Min.Y+y) }, func(x, y int, c [4]uint32) {
			set(out, x, y, uint8(c[0]/255/n), uint8(c[1]/255/n), uint8(c[2]/255/n), uint8(c[3]/n))
		}, true)
	default:
		return nil
	}
	return out
}

func set(out *image.RGBA, x, y int, r, g, b, a uint8) {
	p := out.Pix[y*out.Stride+4*x:]
	p[0], p[1], p[2], p[3] = r, g, b, a
}

// each4 sums up squares of pixels of four bytes; weighted says that colours count
// by their alpha.
func each4(out *image.RGBA, pix []byte, k int, offset func(x, y int) int, put func(x, y int, sum [4]uint32), weighted bool) {
	b := out.Bounds()
	for y := range b.Dy() {
		for x := range b.Dx() {
			var sum [4]uint32
			for dy := range k {
				at := offset(x*k, y*k+dy)
				for p := pix[at : at+4*k]; len(p) >= 4; p = p[4:] {
					a := uint32(1)
					if weighted {
						a = uint32(p[3])
					}
					sum[0] += uint32(p[0]) * a
					sum[1] += uint32(p[1]) * a
					sum[2] += uint32(p[2]) * a
					sum[3] += uint32(p[3])
				}
			}
			put(x, y, sum)
		}
	}
}

// shrinkYCbCr averages brightness exactly and colour by one sample per row of
// the square's colour samples.
func shrinkYCbCr(out *image.RGBA, m *image.YCbCr, src image.Rectangle, k int) {
	b, n := out.Bounds(), int32(k*k)
	for y := range b.Dy() {
		for x := range b.Dx() {
			x0, y0 := src.Min.X+x*k, src.Min.Y+y*k
			var sum, cb, cr int32
			for dy := range k {
				at := m.YOffset(x0, y0+dy)
				for _, v := range m.Y[at : at+k] {
					sum += int32(v)
				}
				c := m.COffset(x0+dy, y0+dy) // along the diagonal
				cb += int32(m.Cb[c])
				cr += int32(m.Cr[c])
			}
			r, g, bl := toRGB(sum/n, cb/int32(k), cr/int32(k))
			set(out, x, y, r, g, bl, 255)
		}
	}
}

// toRGB is the conversion of JFIF, in fixed point.
func toRGB(y, cb, cr int32) (r, g, b uint8) {
	yy := y<<16 + 1<<15
	cb, cr = cb-128, cr-128
	clamp := func(v int32) uint8 { return uint8(max(0, min(255, v>>16))) }
	return clamp(yy + 91881*cr), clamp(yy - 22554*cb - 46802*cr), clamp(yy + 116130*cb)
}

// maxBlur is the largest radius of a blur, in pixels.
const maxBlur = 50

// blur smears a picture: averages of lines and columns, three times over, come
// close to a Gaussian.
func blur(img image.Image, radius int) image.Image {
	if radius <= 0 {
		return img
	}
	r := min(radius, maxBlur)
	b := img.Bounds()
	m := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	for y := range b.Dy() {
		for x := range b.Dx() {
			m.Set(x, y, img.At(b.Min.X+x, b.Min.Y+y))
		}
	}
	line := make([]byte, 4*max(b.Dx(), b.Dy()))
	for range 3 {
		for y := range b.Dy() {
			smear(m.Pix[y*m.Stride:], 4, b.Dx(), r/2+1, line)
		}
		for x := range b.Dx() {
			smear(m.Pix[4*x:], m.Stride, b.Dy(), r/2+1, line)
		}
	}
	return m
}

// smear replaces each of n pixels, step bytes apart, by the average of those up
// to r away.
func smear(pix []byte, step, n, r int, line []byte) {
	for i := range n {
		copy(line[4*i:4*i+4], pix[i*step:])
	}
	var sum [4]int
	count := 0
	for i := range min(r, n) {
		for c := range 4 {
			sum[c] += int(line[4*i+c])
		}
		count++
	}
	for i := range n {
		if j := i + r; j < n {
			for c := range 4 {
				sum[c] += int(line[4*j+c])
			}
			count++
		}
		if j := i - r - 1; j >= 0 {
			for c := range 4 {
				sum[c] -= int(line[4*j+c])
			}
			count--
		}
		for c := range 4 {
			pix[i*step+c] = byte(sum[c] / count)
		}
	}
}
