package residency

import (
	"net/netip"
	"time"
)

// AlertKind says whom an alert is for.
type AlertKind string

const (
	AlertFinding    AlertKind = "finding"    // about a vendor: compliance people
	AlertOperations AlertKind = "operations" // about the monitor itself: whoever runs it
)

// AlertEvent says what happened. The list is closed.
type AlertEvent string

const (
	EventOpened       AlertEvent = "opened"       // something is outside that was not
	EventReopened     AlertEvent = "reopened"     // it is back within seven days
	EventMoved        AlertEvent = "moved"        // still outside, in another country
	EventReclassified AlertEvent = "reclassified" // the same addresses, judged otherwise
	EventClosed       AlertEvent = "closed"       // nothing outside for a whole window
	EventReminder     AlertEvent = "reminder"     // a step before the due date
	EventDue          AlertEvent = "due"          // the due instant passed with something outside
	EventOverdue      AlertEvent = "overdue"      // each day after it
	EventAtRisk       AlertEvent = "at-risk"      // at this pace it will not be done by the due date
	EventWaiverEnds   AlertEvent = "waiver-ends"  // a waiver ends soon, or has ended
	EventWaiverUnused AlertEvent = "waiver-unused"
	EventCoverage     AlertEvent = "coverage"     // what could not be told, weekly, per vendor
	EventMonitor      AlertEvent = "monitor"      // resolver, vantage, network, data, store: something of ours is down
	EventMonitorGood  AlertEvent = "monitor-good" // and is back
	EventDelivery     AlertEvent = "delivery"     // a channel could not deliver; told on the fallback
	EventTest         AlertEvent = "test"         // alert test CHANNEL
)

// GroupOperations begins the groups of alerts about the monitor itself; what
// part of it follows: "resolvers", "network", "vantage", "data", "store".
const GroupOperations = "operations/"

// Alert is one change to tell: a row of the outbox, saved in the transaction
// of the change. The courier joins the due alerts of one group into one
// Notification for each channel.
type Alert struct {
	ID        string // sorts by time; never used twice
	At        time.Time
	NotBefore time.Time // it is not told before; alerts of a group that are due together are one message
	Kind      AlertKind
	Event     AlertEvent
	Severity  Severity
	Group     string // alerts of one group are joined: "xiaomi/phase-2a"; "operations/resolvers"

	Vendor   string
	Claim    *Claim // as it was; nil when it is about no claim
	Standing Standing
	Market   Country // of Finding; zero when it is about no one market
	Finding  *Finding
	Seen     []SeenAddress // the addresses outside, with what is known of each
	Clear    *Clearing     // what a closed finding's end rests on
	Last     bool          // nothing else of the group is open any more
	Waiver   *Waiver
	Trend    *Trend
	Channel  string // of EventDelivery: the one that could not deliver

	// Text says what happened where there is no finding to tell it from. It may
	// have several lines.
	Text   string
	Limits []string // what limits the run it comes from, in plain words
	Run    string   // id
	Config string   // path of the configuration, for the commands in the message
	Notice string   // re-enactment notice of a scenario
}

// SeenAddress is one address outside, for a message.
type SeenAddress struct {
	Address   netip.Addr
	Countries Countries
	Region    string
	Grade     Grade
	Tailoring Tailoring
	Conflict  bool     // sources name other places too
	Reasons   []Reason // against it
}

// Trend is the share of outside answers over time towards a due date.
type Trend struct {
	Days      []DayShare
	Projected time.Time // when the share reaches zero at the pace seen; zero: not at this pace
	AtRisk    bool      // Projected lies after the due date, or never comes
}

// DayShare is the share of one day's answers that lay outside.
type DayShare struct {
	Day     Date
	Answers int
	Outside int
}

// Notification is one message to one channel: the alerts of one group that
// were due together.
type Notification struct {
	// Key is the hash of channel and sorted alert ids, fixed in the store
	// before the first try: the same message sent again carries the same key.
	Key      string
	Channel  string
	Group    string
	Kind     AlertKind
	Event    AlertEvent // the weightiest of the alerts
	Severity Severity   // the highest
	Vendor   string
	Claim    string // id, "" if none
	Standing Standing
	At       time.Time // of the newest alert
	Subject  string    // one line
	Text     string    // the whole message, plain text
	HTML     string    // the same for mail readers
	Alerts   []Alert
	Resolves bool // everything it tells of is closed: receivers may close their incident
	Test     bool
	Run      string // id of the run of the newest alert
}

// Receipt is the proof that a channel's receiver took a notification, or what
// became of trying.
type Receipt struct {
	At     time.Time
	Try    int    // from 1
	Taken  bool   // the receiver took it
	Detail string // status line, queue id or error, without secrets
}

// Delivery is a notification on its way: fixed in the outbox before it is
// first sent, and sent again with the same key until there is a receipt.
type Delivery struct {
	Notification Notification
	Fixed        time.Time // when it was put together
	Next         time.Time // not before this; zero when it is settled
	Tries        int
	Parked       bool // it failed for good: only a person can send it again
	Receipts     []Receipt
}
