package main

import (
	"strings"

	"github.com/spf13/cobra"

	"residency/internal/config"
)

// completeAll gives every command below cmd completion of what all of them have:
// the formats that a flag names, and what stands in the configuration. What a
// command completes in a way of its own stays.
func (e *env) completeAll(cmd *cobra.Command) {
	if f := cmd.Flag("format"); f != nil {
		if _, list, ok := strings.Cut(f.Usage, "output: "); ok {
			completeWith(cmd, "format", cobra.FixedCompletions(strings.Split(list, ", "), cobra.ShellCompDirectiveNoFileComp))
		}
	}
	if cmd.Flag("config") != nil {
		_ = cmd.MarkFlagFilename("config", "toml")
		_ = cmd.MarkPersistentFlagFilename("config", "toml")
		completeWith(cmd, "claim", e.fromConfig(func(cfg *config.Config) (ids []string) {
			for _, c := range cfg.Claims {
				ids = append(ids, c.ID+"\t"+c.Title)
			}
			return ids
		}))
		completeWith(cmd, "vendor", e.fromConfig(func(cfg *config.Config) (ids []string) {
			for _, v := range cfg.Vendors {
				ids = append(ids, v.ID+"\t"+v.Name)
			}
			return ids
		}))
		completeWith(cmd, "channel", e.fromConfig(channelNames))
	}
	for _, sub := range cmd.Commands() {
		e.completeAll(sub)
	}
}

// completeWith completes a flag that the command has of its own, unless it is
// completed already.
func completeWith(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if cmd.LocalFlags().Lookup(flag) != nil {
		_ = cmd.RegisterFlagCompletionFunc(flag, f)
	}
}

// fromConfig completes with something of the configuration that the command
// line names; with nothing where that cannot be read.
func (e *env) fromConfig(pick func(*config.Config) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		cfg, err := e.loader().Load(cmd.Flag("config").Value.String())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return pick(cfg), cobra.ShellCompDirectiveNoFileComp
	}
}

// channelNames lists the channels of a configuration.
func channelNames(cfg *config.Config) (names []string) {
	for _, c := range cfg.Alert.Channels {
		names = append(names, c.Name)
	}
	return names
}
