package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"hongyan/internal/im/moderation"
	"hongyan/internal/server"
)

type wordsCmd struct {
	settingFlags `embed:""`

	Add    wordsAddCmd    `cmd:"" help:"Add words."`
	Remove wordsRemoveCmd `cmd:"" help:"Remove words."`
	List   wordsListCmd   `cmd:"" help:"List the words."`
	Import wordsImportCmd `cmd:"" help:"Add the words of a file: one per line, behind a tab its replacement."`
}

// ofList names one list of an app.
type ofList struct {
	Key  string `help:"AppKey; may be left out when there is one app." placeholder:"KEY"`
	List string `help:"replace: the word is replaced; intercept: the message is not delivered. What clients check before they send: client: the message is not sent; client-flag: it is sent, and nobody gets it; client-replace: the word is replaced." enum:"replace,intercept,client,client-flag,client-replace" default:"intercept" placeholder:"LIST"`
}

type (
	wordsAddCmd struct {
		ofList
		Replacement string   `help:"What replaces the words of the list replace." placeholder:"TEXT"`
		Words       []string `arg:"" name:"word" help:"Words."`
	}
	wordsRemoveCmd struct {
		ofList
		Words []string `arg:"" name:"word" help:"Words."`
	}
	wordsListCmd struct {
		Key       string `help:"AppKey; may be left out when there is one app." placeholder:"KEY"`
		Thesaurus bool   `help:"Print what clients download, as they read it."`
	}
	wordsImportCmd struct {
		ofList
		File string `arg:"" help:"File; - is the standard input."`
	}
)

// Run implements the command.
func (c wordsAddCmd) Run(ctx context.Context, parent *cli, _ output) error {
	var words []moderation.Word
	for _, w := range c.Words {
		words = append(words, moderation.Word{List: moderation.List(c.List), Text: w, Replacement: c.Replacement})
	}
	return addWords(ctx, parent, c.Key, words)
}

func addWords(ctx context.Context, parent *cli, key string, words []moderation.Word) error {
	return onStore(ctx, &parent.Words.settingFlags, func(t *server.Tool) error {
		a, err := t.App(key)
		if err != nil {
			return err
		}
		return t.Words.Add(ctx, a.Key, words)
	})
}

// Run implements the command.
func (c wordsRemoveCmd) Run(ctx context.Context, parent *cli, out output) error {
	return onStore(ctx, &parent.Words.settingFlags, func(t *server.Tool) error {
		a, err := t.App(c.Key)
		if err != nil {
			return err
		}
		n, err := t.Words.Remove(ctx, a.Key, moderation.List(c.List), c.Words)
		if err != nil {
			return err
		}
		fmt.Fprintf(out.Out, "%d removed\n", n)
		return nil
	})
}

// Run implements the command.
func (c wordsListCmd) Run(ctx context.Context, parent *cli, out output) error {
	return onStore(ctx, &parent.Words.settingFlags, func(t *server.Tool) error {
		a, err := t.App(c.Key)
		if err != nil {
			return err
		}
		if c.Thesaurus {
			v, err := t.Words.Vocabulary(ctx, a.Key)
			if err != nil {
				return err
			}
			fmt.Fprintln(out.Out, v.Text)
			return nil
		}
		words, err := t.Words.Words(ctx, a.Key)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(out.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "LIST\tWORD\tREPLACEMENT")
		for _, word := range words {
			fmt.Fprintf(w, "%s\t%s\t%s\n", word.List, word.Text, word.Replacement)
		}
		return w.Flush()
	})
}

// Run implements the command.
func (c wordsImportCmd) Run(ctx context.Context, parent *cli, _ output) error {
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	var words []moderation.Word
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		word, replacement, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "\ufeff"), "\t")
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, moderation.Word{List: moderation.List(c.List), Text: word, Replacement: strings.TrimSpace(replacement)})
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if len(words) == 0 {
		return errors.New("the file has no words")
	}
	return addWords(ctx, parent, c.Key, words)
}
