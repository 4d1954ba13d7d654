package move

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"hongyan/internal/im"
)

// maxFaults is how many faulty lines of a file are named.
const maxFaults = 10

// Account is one line of the list of accounts.
type Account struct {
	Accid string // normalised
	Token string // empty: one is issued
}

// ReadAccounts reads a list of accounts: accid, or accid,token, one a line. A
// first line that says "accid", empty lines and lines that begin with # are left
// out. Every faulty line is told of.
func ReadAccounts(r io.Reader) ([]Account, error) {
	var out []Account
	at := map[string]int{}
	err := readLines(r, 2, func(fields []string) error {
		accid, ok := im.NormalizeAccid(fields[0])
		if !ok {
			return fmt.Errorf("%q is no accid: 1 to %d characters of A-Z a-z 0-9 _ @ . -", fields[0], im.MaxAccid)
		}
		a := Account{Accid: accid}
		if len(fields) > 1 {
			a.Token = fields[1]
		}
		if i, ok := at[accid]; ok {
			if out[i].Token != "" && a.Token != "" && out[i].Token != a.Token {
				return fmt.Errorf("%s is there twice with different tokens", accid)
			}
			if a.Token != "" {
				out[i].Token = a.Token
			}
			return nil
		}
		at[accid] = len(out)
		out = append(out, a)
		return nil
	})
	if err == nil && len(out) == 0 {
		err = errors.New("no account in it")
	}
	return out, err
}

// ReadPairs reads pairs of accounts that may have talked: accid,accid.
func ReadPairs(r io.Reader) ([]im.ConvKey, error) {
	var out []im.ConvKey
	err := readLines(r, 2, func(fields []string) error {
		if len(fields) != 2 {
			return errors.New("two accids are wanted")
		}
		a, ok := im.NormalizeAccid(fields[0])
		b, also := im.NormalizeAccid(fields[1])
		if !ok || !also {
			return fmt.Errorf("%q and %q are not both accids", fields[0], fields[1])
		}
		out = append(out, im.P2PKey(a, b))
		return nil
	})
	return out, err
}

// readLines calls fn with the fields of every line.
func readLines(r io.Reader, most int, fn func([]string) error) error {
	var faults []string
	skipped := 0
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		line := bytes.TrimSpace(sc.Bytes())
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")) // spreadsheets write it
		}
		if len(line) == 0 || line[0] == '#' || n == 1 && bytes.HasPrefix(bytes.ToLower(line), []byte("accid")) && (len(line) == 5 || line[5] == ',') {
			continue
		}
		fields, err := csv.NewReader(bytes.NewReader(line)).Read()
		if err == nil {
			for i := range fields {
				fields[i] = strings.TrimSpace(fields[i])
			}
			if len(fields) > most {
				err = fmt.Errorf("more than %d fields", most)
			} else {
				err = fn(fields)
			}
		}
		if err == nil {
			continue
		}
		if len(faults) == maxFaults {
			skipped++
			continue
		}
		faults = append(faults, fmt.Sprintf("line %d: %v", n, err))
	}
	if skipped > 0 {
		faults = append(faults, fmt.Sprintf("and %d more", skipped))
	}
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, "\n"))
	}
	return sc.Err()
}

// tokenFile is where issued tokens are written: accid,token, for the app's
// server. Tokens are in the file before the accounts are in the database, so
// that an interrupted import goes on with the same ones.
type tokenFile struct {
	f      *os.File
	issued map[string]string
}

func openTokens(name string) (*tokenFile, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.Mode().Perm()&0o077 != 0 {
		f.Close()
		return nil, errors.Join(err, fmt.Errorf("%s may be read by others: tokens open accounts; chmod 600 it", name))
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	// A line that was cut off by the end of the process is no token.
	whole := raw[:bytes.LastIndexByte(raw, '\n')+1]
	if len(whole) < len(raw) {
		if err := f.Truncate(int64(len(whole))); err != nil {
			f.Close()
			return nil, err
		}
	}
	t := &tokenFile{f: f, issued: map[string]string{}}
	if len(whole) == 0 {
		return t, nil
	}
	list, err := ReadAccounts(bytes.NewReader(whole))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, a := range list {
		t.issued[a.Accid] = a.Token
	}
	return t, nil
}

// add writes tokens and waits until they are on the disk.
func (t *tokenFile) add(accounts []Account) error {
	var b strings.Builder
	for _, a := range accounts {
		fmt.Fprintf(&b, "%s,%s\n", a.Accid, a.Token)
		t.issued[a.Accid] = a.Token
	}
	if _, err := t.f.WriteString(b.String()); err != nil {
		return err
	}
	return t.f.Sync()
}

func (t *tokenFile) close() error {
	if t == nil {
		return nil
	}
	return t.f.Close()
}
