package residency

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// everySentence returns every fixed sentence, by the value that has it.
func everySentence() map[string]string {
	all := make(map[string]string)
	for v := Undetermined; v <= Outside; v++ {
		all["verdict "+v.String()] = v.Words()
		all["limit of "+v.String()] = v.Limit()
	}
	for s := range standingNames {
		all["standing "+standingNames[s]] = Standing(s).Words()
	}
	for g := range gradeNames {
		all["grade "+gradeNames[g]] = Grade(g).Words()
	}
	all["side outside, sources differ"] = Corroborated.SideWords(SideOutside, true)
	for i := range tailoringNames {
		all["tailoring "+tailoringNames[i]] = Tailoring(i).Words()
	}
	for i := range sideNames {
		all["side "+sideNames[i]] = Side(i).Words()
	}
	for i := range roleNames {
		all["role "+roleNames[i]] = Role(i).Words()
	}
	for _, r := range Reasons() {
		all["reason "+string(r)] = r.Words()
	}
	for _, f := range Failures() {
		all["failure "+string(f)] = f.Words()
	}
	for _, d := range []Decision{
		DecidedNothing, DecidedSpecial, DecidedVeto, DecidedHolder, DecidedHolderAlone, DecidedHolderOld,
		DecidedHolderAgainst, DecidedAgree, DecidedDiffer, DecidedOne,
	} {
		all["decision "+string(d)] = d.Words()
	}
	for _, c := range []Class{
		ClassProvider, ClassGeofeed, ClassDatabase, ClassAnycast, ClassEdge,
		ClassRTT, ClassCorrection, ClassHint, ClassRegistry,
	} {
		all["class "+string(c)] = c.Words()
	}
	half := 0.5
	for _, p := range []Pool{
		{}, {Draws: 3}, {Draws: 30, Pattern: PatternRotation}, {Draws: 30, Pattern: PatternSticky},
		{Draws: 30, Pattern: PatternWholeSet}, {Draws: 30, Pattern: PatternIndependent, Unseen: &half, OutsideBound: &half},
	} {
		all[fmt.Sprintf("pool %d %s", p.Draws, p.Pattern)] = p.Words()
	}
	for _, v := range []Survey{
		{Vantage: "Pune", Reason: ReasonRTTUntrusted, Why: "no far host answered"}, {Vantage: "Pune", Targets: 1, Answered: 1},
		{Vantage: "Pune", Targets: 4, Answered: 2, WhyNot6: "no far host answered over IPv6"}, {Vantage: "Pune", WhyNot4: "no far host answered over IPv4"},
	} {
		all[fmt.Sprintf("survey %q %q %q", v.Why, v.WhyNot4, v.WhyNot6)] = v.Words()
	}
	for _, l := range Limits() {
		all["limit "+l] = l
	}
	return all
}

func TestEveryValueHasOnePlainSentence(t *testing.T) {
	// Words that only this program's makers know, and words that promise too much.
	banned := regexp.MustCompile(`(?i)\b(tailoring|tailored|voices?|lineages?|cells?|standing|compliant|compliance|guaranteed?|safe)\b`)
	all := everySentence()
	if len(all) < 70 {
		t.Errorf("only %d sentences; a list is not covered", len(all))
	}
	for value, words := range all {
		if words == "" || words != strings.TrimSpace(words) {
			t.Errorf("%s has the words %q", value, words)
		}
		if found := banned.FindString(words); found != "" {
			t.Errorf("%s says %q, which readers do not know or must not be told: %q", value, found, words)
		}
		if strings.ContainsFunc(words, func(r rune) bool { return unicode.IsControl(r) }) || len(words) > 200 {
			t.Errorf("%s: not one short line: %q", value, words)
		}
		if strings.Contains(words, "unknown to this version") || strings.Contains(words, "unknown kind") ||
			words == Decision("?").Words() {
			t.Errorf("%s has no sentence of its own: %q", value, words)
		}
	}
}

func TestSentencesOfOneListDiffer(t *testing.T) {
	seen := make(map[string]string)
	for value, words := range everySentence() {
		kind, _, _ := strings.Cut(value, " ")
		if value == "reason intercepted" || kind == "reason" && Failure(value[7:]).Valid() {
			continue // a failure's words, on purpose
		}
		if other, dup := seen[kind+words]; dup {
			t.Errorf("%s and %s share %q", value, other, words)
		}
		seen[kind+words] = value
	}
}

func TestClaimStandingWords(t *testing.T) {
	due := Date{2014, 10, 31}
	promise := Claim{DueOn: due}
	tests := []struct {
		name string
		s    ClaimStanding
		main Reason
		want string
	}{
		{"holding", ClaimStanding{Standing: Holding, Claim: promise, Coverage: Coverage{Looks: 48, Counted: 48}, Markets: 7}, "", "nothing seen outside: 48 looks, 7 markets"},
		{"holding, some from here", ClaimStanding{Standing: Holding, Claim: promise, Coverage: Coverage{Looks: 48, Counted: 24}, Markets: 7}, "", "nothing seen outside: 24 looks, 7 markets"},
		{"holding, one", ClaimStanding{Standing: Holding, Coverage: Coverage{Looks: 1, Counted: 1}, Markets: 1}, "", "nothing seen outside: 1 look, 1 market"},
		{"pending", ClaimStanding{Standing: Pending, Claim: promise}, "", "still outside; not due until 31 Oct 2014"},
		{"broken", ClaimStanding{Standing: Broken, Claim: promise}, "", "still outside; due since 31 Oct 2014"},
		{"broken, no date", ClaimStanding{Standing: Broken}, "", "still outside; promised without a date"},
		{"policy", ClaimStanding{Standing: Broken, Claim: Claim{Kind: KindPolicy}}, "", "still outside; our rule is in force"},
		{"policy from", ClaimStanding{Standing: Broken, Claim: Claim{Kind: KindPolicy, FromOn: due}}, "", "still outside; our rule is in force since 31 Oct 2014"},
		{"policy to come", ClaimStanding{Standing: Pending, Claim: Claim{Kind: KindPolicy, FromOn: due}}, "", "still outside; our rule begins on 31 Oct 2014"},
		{"unknown", ClaimStanding{Counts: CellCounts{Inside: 4, Undetermined: 2, NotMeasured: 1}}, ReasonConflict, "cannot be told for 3 of 7: mostly, sources name different places"},
		{"unknown, no reason", ClaimStanding{Counts: CellCounts{Undetermined: 2}}, "", "cannot be told for 2 of 2"},
		{"nothing", ClaimStanding{}, "", "cannot be told: nothing that counts was looked at"},
	}
	for _, tt := range tests {
		if got := tt.s.Words(tt.main); got != tt.want {
			t.Errorf("%s: Words(%q) = %q, want %q", tt.name, tt.main, got, tt.want)
		}
	}
}

func TestMainReason(t *testing.T) {
	cell := func(v Verdict, counts bool, reasons ...Reason) Cell {
		return Cell{Claim: "c", Verdict: v, Counts: counts, Reasons: reasons}
	}
	run := Run{Rounds: []Round{
		{Cells: []Cell{cell(NotMeasured, true, Reason(FailTimeout)), cell(Undetermined, true, ReasonConflict)}},
		{Cells: []Cell{
			cell(Undetermined, false, Reason(FailTimeout), ReasonStaleData), cell(Inside, true, Reason(FailTimeout)),
			{Claim: "other", Counts: true, Reasons: []Reason{ReasonEdge, ReasonEdge}},
		}},
	}}
	if got := run.MainReason("c"); got != ReasonConflict {
		t.Errorf("MainReason = %q, want %q: equal numbers are told in the order of the list", got, ReasonConflict)
	}
	if got := run.MainReason("none"); got != "" {
		t.Errorf("MainReason of no cells = %q", got)
	}
}

func TestNames(t *testing.T) {
	for want, set := range map[string]Countries{
		"nowhere known":    {},
		"Singapore":        CountriesOf(MustCountry("SG")),
		"China or Germany": CountriesOf(MustCountry("DE"), MustCountry("CN")),
	} {
		if got := set.Names(); got != want {
			t.Errorf("Names(%v) = %q, want %q", set, got, want)
		}
	}
}
