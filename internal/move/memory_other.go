//go:build !linux

package move

// PeakMemory is not known on this system.
func PeakMemory() int64 { return 0 }
