package config

import (
	"fmt"
	"net"
)

// Web is what `residency watch` serves over HTTP.
type Web struct {
	Listen string // host:port; "" for nothing
}

// Log is how `residency watch` writes its log.
type Log struct {
	JSON  bool
	Level string // "debug", "info", "warn" or "error"
}

func webTable() *table {
	return &table{name: "web", keys: []key{
		{name: "listen", kind: kText, doc: "Address and port on which `residency watch` serves /metrics, /healthz and /readyz, such as \"127.0.0.1:9464\". Default nowhere. It asks for no password, so keep it to this machine or a network of your own.", alias: []string{"address", "bind"}},
	}}
}

func logTable() *table {
	return &table{name: "log", keys: []key{
		{name: "format", kind: kText, oneOf: []string{"text", "json"}, doc: "Form of the log on standard error. Default \"text\"."},
		{name: "level", kind: kText, oneOf: []string{"debug", "info", "warn", "error"}, doc: "The least that is logged. Default \"info\"."},
	}}
}

// daemon reads what only the program that runs all the time needs.
func (a *assembly) daemon(web, log section) {
	a.cfg.Web.Listen = web.text("listen")
	if l := a.cfg.Web.Listen; l != "" {
		if _, port, err := net.SplitHostPort(l); err != nil || port == "" {
			web.wrong("listen", fmt.Sprintf("%s is no address and port", quote(l)), `such as "127.0.0.1:9464", or ":9464" for every address of this machine`)
		}
	}
	a.cfg.Log = Log{JSON: log.text("format") == "json", Level: log.textOr("level", "info")}
}
