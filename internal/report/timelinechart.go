package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"residency/internal/residency"
)

// shareChart draws one claim over a period: a strip of what each day's results
// said of it, and below it the share of answers that lay outside and, hatched on
// top, of those that cannot be told. A day on which nothing was looked at is a
// gap.
func shareChart(id, name string, due time.Time, from, to time.Time, zone *time.Location, days []DayRecord) template.HTML {
	if len(days) == 0 {
		return ""
	}
	var s svg
	start, end := residency.DateOf(from.In(zone)).Start(zone), residency.DateOf(to.In(zone)).End(zone)
	x := func(t time.Time) float64 {
		f := float64(t.Sub(start)) / float64(end.Sub(start))
		return lineLeft + (lineWidth-lineLeft-lineRight)*math.Min(math.Max(f, 0), 1)
	}
	s.open(id, "timeline", "Share of answers outside, day by day: "+name, daysWords(days), 0, 0, lineWidth, lineHeight)
	fmt.Fprintf(&s, `<defs><pattern id="%s-h" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch-bg" width="6" height="6"/><line class="hatch" x1="0" y1="0" x2="0" y2="6"/></pattern></defs>`, id)
	base := shareTop + shareHeight
	shareAxis(&s)
	var open, outside strings.Builder
	for _, run := range stretches(days, func(a, b DayRecord) bool {
		return a.Answers*b.OutsideAns == b.Answers*a.OutsideAns && a.Answers*b.OpenAns == b.Answers*a.OpenAns && (a.Answers == 0) == (b.Answers == 0)
	}) {
		first := days[run[0]]
		out, unknown := first.shares()
		l, r := x(first.Day.Start(zone)), x(days[run[1]].Day.End(zone))
		bar(&outside, l, r, base-out*shareHeight, base)
		bar(&open, l, r, base-(out+unknown)*shareHeight, base-out*shareHeight)
	}
	fmt.Fprintf(&s, `<path class="v-outside" d="%s"/><path fill="url(#%s-h)" d="%s"/>`, outside.String(), id, open.String())
	for _, run := range stretches(days, func(a, b DayRecord) bool { return a.Standing == b.Standing }) {
		left := x(days[run[0]].Day.Start(zone))
		strip(&s, days[run[0]].Standing, left, x(days[run[1]].Day.End(zone))-left)
	}
	monthTicks(&s, start.In(zone), end.In(zone), base, x)
	dueLine(&s, due, start, end, base, x)
	return s.close()
}

// shares returns which part of the day's answers lay outside, and which cannot
// be told; a day without an answer is all of it unknown.
func (d DayRecord) shares() (outside, open float64) {
	if d.Answers == 0 {
		return 0, 1
	}
	return float64(d.OutsideAns) / float64(d.Answers), float64(d.OpenAns) / float64(d.Answers)
}

// stretches joins days that follow each other and are the same: first and last
// of each.
func stretches(days []DayRecord, same func(a, b DayRecord) bool) [][2]int {
	var list [][2]int
	for i := range days {
		if n := len(list); n > 0 && same(days[i-1], days[i]) && days[i-1].Day.End(time.UTC).Equal(days[i].Day.Start(time.UTC)) {
			list[n-1][1] = i
			continue
		}
		list = append(list, [2]int{i, i})
	}
	return list
}

// bar adds a rectangle to a path; nothing for one without height.
func bar(b *strings.Builder, left, right, top, bottom float64) {
	if bottom-top > 0.05 {
		fmt.Fprintf(b, "M%s %sV%sH%sV%sz", num(left), num(bottom), num(top), num(right), num(bottom))
	}
}

func monthTicks(s *svg, start, end time.Time, base float64, x func(time.Time) float64) {
	wide, last := 0.0, -100.0
	for _, m := range months(start, end) {
		s.line("axis", x(m), base, x(m), base+5)
		if wide = x(m); wide-last > 66 && wide < lineWidth-lineRight-50 {
			last = wide
			s.text("tick", "start", wide+3, base+17, m.Format("Jan 2006"))
		}
	}
	if last < 0 { // within one month
		s.text("tick", "start", lineLeft, base+17, day(start))
		s.text("tick", "end", lineWidth-lineRight, base+17, day(end.Add(-time.Second)))
	}
}

// daysWords tells a chart of days to those who do not see it: each change of the
// share by five points or more.
func daysWords(days []DayRecord) string {
	var parts []string
	told := -1.0
	for _, d := range days {
		out, open := d.shares()
		if math.Abs(out+open-told) < 0.05 && told >= 0 {
			continue
		}
		told = out + open
		parts = append(parts, fmt.Sprintf("%s: %s of answers outside, %s unknown", d.Day.Human(), percent(out), percent(open)))
		if len(parts) == 30 {
			parts = append(parts, "and further changes")
			break
		}
	}
	last := days[len(days)-1]
	out, open := last.shares()
	return strings.Join(parts, "; ") + fmt.Sprintf("; at the end, %s: %s outside, %s unknown.", last.Day.Human(), percent(out), percent(open))
}
