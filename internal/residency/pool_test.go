package residency

import "testing"

func TestPoolWords(t *testing.T) {
	t.Parallel()
	share := func(f float64) *float64 { return &f }
	for _, tt := range []struct {
		pool Pool
		want string
	}{
		{Pool{}, "no answer, so nothing is known of its other addresses"},
		{Pool{Draws: 1, Addresses: 1}, "1 answer, 1 address: too few to tell whether the name has other addresses too"},
		{Pool{Draws: 56, Addresses: 8, Pattern: PatternRotation}, "56 answers, 8 addresses, handed out in turns: no share can be reckoned, more answers show more turns"},
		{Pool{Draws: 40, Addresses: 2, Pattern: PatternSticky}, "40 answers, 2 addresses: each client is given its own, so others may be given others"},
		{Pool{Draws: 21, Addresses: 8, Pattern: PatternWholeSet}, "21 answers, 8 addresses: every answer held all of them; what was not shown cannot be reckoned"},
		{Pool{Draws: 42, Addresses: 8, Pattern: PatternWholeSet, OutsideBound: share(0.1329)}, "42 answers, 8 addresses: every answer held all of them; at most 13.3% of answers lead outside (19 times in 20)"},
		{Pool{Draws: 208, Addresses: 8, Pattern: PatternIndependent, Unseen: share(0), OutsideBound: share(0.0284)}, "208 answers, 8 addresses, in no order; 0.0% of what is handed out was not shown yet, by estimate; at most 2.8% of answers lead outside (19 times in 20)"},
		{Pool{Draws: 5000, Addresses: 900, Pattern: PatternIndependent, Unseen: share(0.0002)}, "5000 answers, 900 addresses, in no order; less than 0.1% of what is handed out was not shown yet, by estimate"},
	} {
		if got := tt.pool.Words(); got != tt.want {
			t.Errorf("Words() = %q\nwant %q", got, tt.want)
		}
	}
	if got := (ClaimStanding{}).PoolWords(); got != "" {
		t.Errorf("PoolWords() of nothing = %q", got)
	}
	got := ClaimStanding{OutsideBound: share(0.1329)}.PoolWords()
	if want := "at worst, at most 13.3% of answers lead outside (19 times in 20)"; got != want {
		t.Errorf("PoolWords() = %q, want %q", got, want)
	}
}
