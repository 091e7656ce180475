package main

import (
	"log/slog"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// manager tells the service manager how the program does, by sd_notify(3).
// Without one, nothing is told.
type manager struct{ log *slog.Logger }

// tell hands on one state. That it could not be told is no reason to stop.
func (m manager) tell(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		m.log.Debug("tell the service manager", "error", err)
	}
}

func (m manager) ready()          { m.tell(systemd.SdNotifyReady) }
func (m manager) stopping()       { m.tell(systemd.SdNotifyStopping) }
func (m manager) alive()          { m.tell(systemd.SdNotifyWatchdog) }
func (m manager) status(s string) { m.tell("STATUS=" + s) }
func (m manager) reloading() {
	m.tell(systemd.SdNotifyReloading)
}

// watchdog returns how often the manager wants to hear that the program is
// alive; zero when it does not.
func (m manager) watchdog() time.Duration {
	every, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		m.log.Warn("read the service manager's watchdog time", "error", err)
		return 0
	}
	return every
}
