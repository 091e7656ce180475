//go:build unix

package channel

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// killGroup gives the command a process group of its own and has all of it
// killed when the context ends: a script's children would live on otherwise.
func killGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
}
