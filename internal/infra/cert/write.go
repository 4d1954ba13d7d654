package cert

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// writeFile replaces a file as a whole: readers and a crash see the old contents or the new ones.
func writeFile(path string, data []byte, perm fs.FileMode) error {
	tmp, err := writeTemp(path, data, perm)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return syncDir(filepath.Dir(path))
}

// createFile is writeFile for a file that must not exist: of two processes that create it at once, the second gets
// fs.ErrExist.
func createFile(path string, data []byte, perm fs.FileMode) error {
	tmp, err := writeTemp(path, data, perm)
	if err != nil {
		return err
	}
	err = os.Link(tmp, path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		// No hard links on this file system. A rename is as whole, only not exclusive.
		if _, statErr := os.Lstat(path); errors.Is(statErr, fs.ErrNotExist) {
			if err = os.Rename(tmp, path); err == nil {
				return syncDir(filepath.Dir(path))
			}
		}
	}
	if rmErr := os.Remove(tmp); err == nil {
		err = rmErr
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func writeTemp(path string, data []byte, perm fs.FileMode) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // made with mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(perm), f.Sync(), f.Close())
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// syncDir makes a rename durable. File systems that cannot sync a directory are none the worse for trying.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}
