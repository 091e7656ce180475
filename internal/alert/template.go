package alert

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"strings"
	texttemplate "text/template"

	"residency/internal/residency"
)

// Templates are the user's own words for messages, as Go templates
// (text/template) over a Message. The zero value, and nil, is the program's
// own words.
type Templates struct {
	subject, text *texttemplate.Template
	broken        error
}

// ParseTemplates reads the templates of subject and text; "" is the program's
// own. The error says what is wrong with one; the Templates can be used all
// the same, and write the program's own words in its place and why.
func ParseTemplates(subject, text string) (*Templates, error) {
	t := &Templates{}
	var errs []error
	for _, x := range []struct {
		name, body string
		to         **texttemplate.Template
	}{{"subject", subject, &t.subject}, {"text", text, &t.text}} {
		if x.body == "" {
			continue
		}
		parsed, err := texttemplate.New(x.name).Parse(x.body)
		if err != nil {
			errs = append(errs, fmt.Errorf("parse template: %w", err))
			continue
		}
		*x.to = parsed
	}
	t.broken = errors.Join(errs...)
	return t, t.broken
}

// rewrite puts the user's words in place of the program's.
func (t *Templates) rewrite(n *residency.Notification, m *Message) {
	if t == nil {
		return
	}
	err := t.broken
	if subject, failed := write(t.subject, m); failed != nil {
		err = errors.Join(err, failed)
	} else if subject = oneLine(subject); subject != "" {
		n.Subject = subject
	}
	if text, failed := write(t.text, m); failed != nil {
		err = errors.Join(err, failed)
	} else if strings.TrimSpace(text) != "" {
		n.Text = bounded(manyLines(text))
		n.HTML = page(n.Text)
	}
	if err != nil {
		note := "A template of the configuration could not be used, so these are the program's own words: " + oneLine(err.Error()) + "."
		n.Text += "\n" + note + "\n"
		n.HTML = strings.Replace(n.HTML, "</body>", "<p>"+template.HTMLEscapeString(note)+"</p>\n</body>", 1)
	}
}

// write executes a template; "" for none.
func write(t *texttemplate.Template, m *Message) (string, error) {
	if t == nil {
		return "", nil
	}
	b := &cappedBuffer{}
	if err := t.Execute(b, m); err != nil {
		return "", err
	}
	return b.String(), nil
}

// cappedBuffer ends a template that writes without end.
type cappedBuffer struct{ bytes.Buffer }

var errTooLong = errors.New("it writes more than a message can hold")

func (b *cappedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > 2*maxText {
		return 0, errTooLong
	}
	return b.Buffer.Write(p)
}

// HTML returns the message for mail readers: one page, styles in place, no
// images, nothing that is loaded from elsewhere.
func (m *Message) HTML() string {
	if text := m.Text(); strings.HasSuffix(text, wasCut) {
		return page(text)
	}
	var b bytes.Buffer
	if err := mail().Execute(&b, m); err != nil {
		return page(m.Text()) // the template is our own and tested; a message is never lost to it
	}
	return b.String()
}

// page is a text as a page.
func page(text string) string {
	return "<!doctype html>\n<html><body><pre style=\"font-family:sans-serif;white-space:pre-wrap\">" +
		template.HTMLEscapeString(text) + "</pre>\n</body></html>\n"
}

// mail parses the template of a message. It is small, and parsed where it is
// used, so that the package holds no state.
func mail() *template.Template {
	return template.Must(template.New("mail").Parse(mailTemplate))
}

const mailTemplate = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Subject}}</title></head>
<body style="font-family:sans-serif;color:#1a1a1a;max-width:46em;margin:1em auto;padding:0 1em;line-height:1.4">
{{if .Notice}}<p style="border-left:4px solid #888;padding-left:.6em">{{.Notice}}</p>
{{end}}<p style="font-size:1.15em;font-weight:bold">{{.Headline}}</p>
{{range .Parts}}<h2 style="font-size:1em;margin:1.2em 0 .3em">{{.Title}}</h2>
{{range .Lines}}{{if .Command}}<pre style="margin:.2em 0 .2em 2em;background:#f3f3f3;padding:.3em .5em;white-space:pre-wrap">{{.Text}}</pre>
{{else}}<p style="margin:.2em 0 .2em {{if .Depth}}2em{{else}}1em{{end}}">{{.Text}}</p>
{{end}}{{end}}{{end}}</body></html>
`
