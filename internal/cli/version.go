package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/report"
)

// versionJSON is the version as JSON.
type versionJSON struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	API      string `json:"api"`
	Platform string `json:"platform"`
}

// NewVersionCmd returns the command version.
func NewVersionCmd(streams Streams) *cobra.Command {
	output := "text"
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Example: `  # The version of this program; no cluster is asked
  kubectl medfence version`,
		RunE: func(*cobra.Command, []string) error {
			if err := oneOf(output, "text", "json"); err != nil {
				return err
			}
			v := readVersion()
			if output == "json" {
				return report.JSON(streams.Out, v)
			}
			_, err := fmt.Fprintf(streams.Out, "kubectl-medfence %s (%s) %s, %s\n", v.Version, v.API, v.Go, v.Platform)
			return err
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", output, "text or json")
	return cmd
}

func readVersion() versionJSON {
	out := versionJSON{Version: "unknown", Go: runtime.Version(), API: medfencev1alpha1.GroupVersion.String(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return out
	}
	out.Version = info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			out.Revision = s.Value
		}
	}
	return out
}
