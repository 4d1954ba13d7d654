package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCmd struct{}

// Run implements the command.
func (versionCmd) Run(out output) error {
	_, err := fmt.Fprintln(out.Out, versionLine(debug.ReadBuildInfo()))
	return err
}

// versionLine says which source and which compiler made this binary.
func versionLine(info *debug.BuildInfo, ok bool) string {
	version, revision, dirty, at := "unknown", "", "", ""
	if ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				revision = s.Value
			case "vcs.time":
				at = s.Value
			case "vcs.modified":
				if s.Value == "true" {
					dirty = "+changes"
				}
			}
		}
	}
	line := "hongyan " + version
	if revision != "" {
		line += fmt.Sprintf(" (%s%s, %s)", revision[:min(12, len(revision))], dirty, at)
	}
	return fmt.Sprintf("%s %s %s/%s", line, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
