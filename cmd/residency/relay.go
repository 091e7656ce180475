package main

import (
	"github.com/spf13/cobra"

	"residency/internal/alert/channel"
)

// relayCommand is the command that a channel of type shoutrrr runs in a
// process of its own.
const relayCommand = "relay-message"

func newRelay(e *env) *cobra.Command {
	return &cobra.Command{
		Use: relayCommand, Hidden: true,
		Short: "Send the message on standard input through a service; for the program itself",
		RunE: func(*cobra.Command, []string) error {
			if err := channel.Relay(e.stdin); err != nil {
				return failed(err)
			}
			return nil
		},
	}
}
