package report

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"residency/internal/residency"
)

// svg builds one drawing. Its colours are classes that the page's style sheet
// knows, so that it follows light, dark and print.
type svg struct{ strings.Builder }

// open begins a drawing with a title and a description for those who hear it.
// The id must be the only one of its kind on the page.
func (s *svg) open(id, class, title, desc string, x, y, w, h float64) {
	fmt.Fprintf(s, `<svg class="%s" role="img" aria-labelledby="%s-t %s-d" viewBox="%s %s %s %s" xmlns="http://www.w3.org/2000/svg">`,
		class, id, id, num(x), num(y), num(w), num(h))
	fmt.Fprintf(s, `<title id="%s-t">%s</title><desc id="%s-d">%s</desc>`, id, esc(title), id, esc(desc))
}

func (s *svg) close() template.HTML {
	s.WriteString("</svg>")
	return template.HTML(s.String()) // every text in it went through esc
}

func (s *svg) rect(class string, x, y, w, h float64) {
	fmt.Fprintf(s, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, class, num(x), num(y), num(w), num(h))
}

func (s *svg) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(s, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`, class, num(x1), num(y1), num(x2), num(y2))
}

// text writes at a base line; anchor is start, middle or end.
func (s *svg) text(class, anchor string, x, y float64, t string) {
	fmt.Fprintf(s, `<text class="%s" text-anchor="%s" x="%s" y="%s">%s</text>`, class, anchor, num(x), num(y), esc(t))
}

// esc makes text harmless in markup and attributes.
func esc(s string) string { return template.HTMLEscapeString(clean(s)) }

// num writes a coordinate with at most one decimal.
func num(f float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0")
}

// The timeline's measures, in units of its drawing.
const (
	lineWidth   = 1000.0
	lineLeft    = 44.0
	lineRight   = 12.0
	stripTop    = 20.0
	stripHeight = 26.0
	shareTop    = 66.0
	shareHeight = 56.0
	lineHeight  = 146.0
)

// period is one step of a claim's timeline: what was so from one run to the
// next.
type period struct {
	from, to time.Time
	judged   bool
	standing residency.Standing
	counts   residency.CellCounts
}

// share returns which part of the results that count are outside, and which
// cannot be told or were not measured.
func (p period) share() (outside, unknown float64) {
	total := p.counts.Inside + p.counts.Outside + p.counts.Undetermined + p.counts.NotMeasured
	if total == 0 {
		return 0, 0
	}
	return float64(p.counts.Outside) / float64(total), float64(p.counts.Undetermined+p.counts.NotMeasured) / float64(total)
}

// timeline draws one claim over time: a strip of what was said of it, the due
// date, and the share of results that were outside.
func timeline(id, name string, due time.Time, periods []period) template.HTML {
	var s svg
	start, end := periods[0].from, periods[len(periods)-1].to
	x := func(t time.Time) float64 {
		if !end.After(start) {
			return lineLeft
		}
		return lineLeft + (lineWidth-lineLeft-lineRight)*float64(t.Sub(start))/float64(end.Sub(start))
	}
	s.open(id, "timeline", "Timeline of "+name, timelineWords(periods), 0, 0, lineWidth, lineHeight)
	base := shareTop + shareHeight
	shareAxis(&s)
	for _, p := range periods {
		if p.judged {
			drawPeriod(&s, p, x(p.from), x(p.to))
		}
	}
	for _, m := range months(start, end) {
		s.line("axis", x(m), base, x(m), base+5)
		if right := x(m.AddDate(0, 1, 0)); right-x(m) > 40 && x(m) < lineWidth-lineRight-30 {
			s.text("tick", "start", x(m)+3, base+17, m.Format("Jan 2006"))
		}
	}
	dueLine(&s, due, start, end, base, x)
	return s.close()
}

// drawPeriod draws one step; words are left out where there is no room.
func drawPeriod(s *svg, p period, from, to float64) {
	gap := min(2, (to-from)/4)
	w := to - from - gap
	strip(s, p.standing, from, w)
	outside, unknown := p.share()
	base := shareTop + shareHeight
	s.rect("v-outside", from, base-outside*shareHeight, w, outside*shareHeight)
	s.rect("v-undetermined", from, base-(outside+unknown)*shareHeight, w, unknown*shareHeight)
	if w > 30 && outside+unknown < 0.8 {
		s.text("tick", "middle", from+w/2, base-(outside+unknown)*shareHeight-4, percent(outside))
	} else if w > 30 {
		s.text("in-bar", "middle", from+w/2, base-outside*shareHeight+14, percent(outside))
	}
}

// shareAxis draws the lines of a share, with their names.
func shareAxis(s *svg) {
	for i, share := range []string{"100%", "50%", "0%"} {
		y := shareTop + shareHeight*float64(i)/2
		s.line("axis", lineLeft, y, lineWidth-lineRight, y)
		s.text("tick", "end", lineLeft-6, y+4, share)
	}
}

// strip draws what was said of a claim for a time; words are left out where
// there is no room.
func strip(s *svg, standing residency.Standing, left, w float64) {
	s.rect("s-"+standing.String(), left, stripTop, w, stripHeight)
	switch {
	case w > 74:
		s.text("in-strip", "middle", left+w/2, stripTop+17, standingMark(standing)+" "+standing.String())
	case w > 14:
		s.text("in-strip", "middle", left+w/2, stripTop+17, standingMark(standing))
	}
}

// dueLine marks the end of the day that a claim is due on, if it is shown.
func dueLine(s *svg, due, start, end time.Time, base float64, x func(time.Time) float64) {
	if due.IsZero() || due.Before(start) || due.After(end) {
		return
	}
	s.line("due", x(due), 14, x(due), base)
	anchor := "middle"
	if x(due) > lineWidth-110 {
		anchor = "end"
	} else if x(due) < 120 {
		anchor = "start"
	}
	s.text("due-text", anchor, x(due), 11, "due at the end of "+day(due.Add(-time.Second)))
}

func percent(f float64) string { return fmt.Sprintf("%.0f%%", f*100) }

// past is one step of a timeline in words.
type past struct{ When, Standing, Mark, Shares string }

func pastOf(periods []period) []past {
	var list []past
	for _, p := range periods {
		if !p.judged {
			continue
		}
		outside, unknown := p.share()
		var shares []string
		if outside > 0 {
			shares = append(shares, percent(outside)+" outside")
		}
		if unknown > 0 {
			shares = append(shares, percent(unknown)+" cannot be told")
		}
		list = append(list, past{day(p.from), p.standing.String(), standingMark(p.standing), strings.Join(shares, ", ")})
	}
	return list
}

// timelineWords tells the timeline to those who do not see it.
func timelineWords(periods []period) string {
	var parts []string
	for _, p := range periods {
		if p.judged {
			outside, unknown := p.share()
			parts = append(parts, fmt.Sprintf("%s: %s, %s outside, %s unknown", day(p.from), p.standing.Words(), percent(outside), percent(unknown)))
		}
	}
	return strings.Join(parts, "; ") + "."
}

// months returns the first days of the months in a span of time; none if they
// would be too many to draw.
func months(start, end time.Time) []time.Time {
	if end.Sub(start) > 3*366*24*time.Hour {
		return nil
	}
	var list []time.Time
	for m := time.Date(start.Year(), start.Month()+1, 1, 0, 0, 0, 0, start.Location()); m.Before(end); m = m.AddDate(0, 1, 0) {
		list = append(list, m)
	}
	return list
}
