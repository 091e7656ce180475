package config

import "residency/internal/residency"

// The tables that say who is told, and how.

func alertTable() *table {
	return &table{name: "alert", keys: []key{
		{name: "fallback", kind: kText, doc: "Name of the channel that hears when another cannot deliver, whatever it wants otherwise. Default none: only channels for operations hear it.", alias: []string{"fallback_channel"}},
		{name: "heartbeat", kind: kSecret, doc: "URL that is asked for after each run that did its work, whatever it found: env:NAME, file:/path, or itself. Whoever keeps it (healthchecks.io and its like) tells you when it is no longer asked for: then the monitor is dead.", alias: []string{"ping", "dead_mans_switch"}},
		{name: "heartbeat_start", kind: kSecret, doc: "URL that is asked for when a run begins. Default that of heartbeat with /start; \"none\" for none."},
		{name: "heartbeat_fail", kind: kSecret, doc: "URL that is asked for when a run did not do its work. Default that of heartbeat with /fail; \"none\" for none."},
		{name: "channel", kind: kTables, of: channelTable(), doc: "One way to tell.", alias: []string{"channels"}},
	}}
}

// channelTypes are the ways to tell.
var channelTypes = []string{"webhook", "command", "email", "slack", "teams", "pagerduty", "alertmanager", "syslog", "file", "shoutrrr"}

func channelTable() *table {
	return &table{name: "channel", keys: []key{
		{name: "name", kind: kText, need: true, doc: "Name shown when a message could not be delivered.", alias: []string{"id"}},
		{name: "type", kind: kText, need: true, oneOf: channelTypes, doc: "webhook posts JSON to a URL, command runs a program with the message on its standard input, email sends by SMTP, slack, teams (Workflows), pagerduty (Events v2) and alertmanager (v2) post in the form that these take, syslog writes a line (RFC 5424), file appends a line of JSON, shoutrrr is for the services of that library (ntfy, Telegram, Matrix, Discord, Opsgenie ...)."},
		{name: "url", kind: kSecret, doc: "Of webhook, slack, teams, alertmanager and shoutrrr; of pagerduty where it is not the usual one: env:NAME or file:/path (so that it is not in this file), or the URL itself. Never shown."},
		{name: "secret", kind: kSecret, doc: "Of a webhook: what its messages are signed with (HMAC-SHA256, header Residency-Signature): env:NAME or file:/path, or itself. Default no signature.", alias: []string{"hmac", "signing_secret"}},
		{name: "schema", kind: kText, oneOf: []string{"residency/notification/v1", "residency/alert/v1"}, doc: "Of a webhook: the form of the JSON. Default \"residency/notification/v1\", which has all that the older residency/alert/v1 has and more."},
		{name: "command", kind: kTexts, doc: "Of a command: the program and its arguments. No shell is involved.", alias: []string{"exec", "cmd"}},
		{name: "server", kind: kText, doc: "Of email: \"host:port\"; the port is 587 when it is left out (465 with tls = \"tls\", 25 with \"none\"). Of syslog: \"udp://host:514\", \"tcp://host:601\", \"tls://host:6514\" or \"unix:/dev/log\".", alias: []string{"host", "smarthost", "smtp", "address"}},
		{name: "tls", kind: kText, oneOf: []string{"starttls", "tls", "opportunistic", "none"}, doc: "Of email: starttls refuses a server without it, tls speaks it from the first byte, opportunistic takes what the server offers, none is for a relay on this machine. Default \"starttls\".", alias: []string{"security", "encryption"}},
		{name: "user", kind: kText, doc: "Of email and alertmanager: whom to log in as. Default nobody.", alias: []string{"username", "login"}},
		{name: "password", kind: kSecret, doc: "Of that user: env:NAME or file:/path, or itself. Never shown.", alias: []string{"pass"}},
		{name: "from", kind: kText, doc: "Of email: the sender, such as \"Residency <alerts@example.com>\".", alias: []string{"sender"}},
		{name: "to", kind: kTextOrTexts, doc: "Of email: the recipients.", alias: []string{"recipients", "recipient"}},
		{name: "key", kind: kSecret, doc: "Of pagerduty: the integration key of a service: env:NAME or file:/path, or itself. Never shown.", alias: []string{"routing_key", "integration_key"}},
		{name: "path", kind: kText, doc: "Of file: the file, relative to this one.", alias: []string{"file"}},
		{name: "facility", kind: kNumber, min: 0, max: 23, doc: "Of syslog: the facility (RFC 5424). Default 3, daemon."},
		{name: "timeout", kind: kSpan, min: 0, max: 600, doc: "How long one delivery may take. Default \"10s\"."},
		{name: "kind", kind: kText, oneOf: []string{string(residency.AlertFinding), string(residency.AlertOperations)}, doc: "What goes into it: finding is about vendors, operations about the monitor itself. Default both.", alias: []string{"kinds"}},
		{name: "vendors", kind: kTexts, doc: "Ids of the vendors it is for. Default all.", alias: []string{"vendor"}},
		{name: "claims", kind: kTexts, doc: "Ids of the claims and policies it is for. Default all.", alias: []string{"claim", "policies", "policy"}},
		{name: "markets", kind: kTexts, doc: "Countries of the markets it is for. Default all.", alias: []string{"market"}},
		{name: "severity", kind: kText, oneOf: []string{"info", "warning", "critical"}, doc: "The least severity that goes into it; the end of a thing always does. Default \"info\".", alias: []string{"min_severity", "level"}},
		{name: "hours", kind: kTextOrTexts, doc: "When it may be used, such as \"Mon-Fri 09:00-18:00\". What comes at other times is held, and grouped. Default always.", alias: []string{"hour", "schedule"}},
		{name: "timezone", kind: kText, doc: "The clock of its hours. Default the organisation's.", alias: []string{"tz", "time_zone"}},
		{name: "urgent", kind: kFlag, doc: "True to let critical messages through outside of its hours. Default false."},
		{name: "per_minute", kind: kNumber, min: 1, max: 600, doc: "Most messages in a minute; what is more waits. Default 20.", alias: []string{"rate", "limit"}},
		{name: "subject", kind: kText, doc: "Words of your own for the subject, as a Go template. Default the program's.", alias: []string{"subject_template"}},
		{name: "text_file", kind: kText, doc: "File with words of your own for the message, as a Go template, relative to this file. Default the program's.", alias: []string{"template", "text_template"}},
	}}
}
