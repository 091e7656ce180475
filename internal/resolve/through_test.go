package resolve

import (
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
)

func TestDialThrough(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "hello")
			c.Close()
		}
	}()
	viaHTTP, n1 := httpProxy(t, "")
	viaSOCKS, n2 := socksProxy(t)
	for _, proxy := range []string{"", "http://u:p@" + viaHTTP.addr, "socks5://u:p@" + viaSOCKS.addr} {
		dial := DialThrough(func(string) (*url.URL, error) {
			if proxy == "" {
				return nil, nil
			}
			return url.Parse(proxy)
		}, nil, nil)
		c, err := dial(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Errorf("dial through %q: %v", proxy, err)
			continue
		}
		if got, err := io.ReadAll(c); string(got) != "hello" {
			t.Errorf("through %q read %q, %v", proxy, got, err)
		}
		c.Close()
	}
	if n1.Load() != 1 || n2.Load() != 1 {
		t.Errorf("%d and %d connections through the proxies, want 1 each", n1.Load(), n2.Load())
	}
	wrong := DialThrough(func(string) (*url.URL, error) { return url.Parse("http://u:s3cret@" + viaHTTP.addr) }, nil, nil)
	if _, err := wrong(context.Background(), "tcp", l.Addr().String()); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("dial with a wrong password = %v, want an error without it", err)
	}
}
