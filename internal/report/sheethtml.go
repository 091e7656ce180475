package report

import (
	"bufio"
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed sheet.html mapkey.html sheet.css page.css
var sheetFiles embed.FS

// sheetView is a report with what only a page needs.
type sheetView struct {
	report
	Style   template.CSS
	Version string
}

// html writes the report as one page that needs nothing else: no network, no
// script.
func (d *Dossier) html(w io.Writer, audience string) error {
	r, err := d.compose(audience)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	tmpl, err := template.New("sheet.html").Funcs(template.FuncMap{
		"fit": fit,
	}).ParseFS(sheetFiles, "sheet.html", "mapkey.html")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	view := sheetView{report: r, Version: clean(d.Program)}
	for _, name := range []string{"page.css", "sheet.css"} {
		style, err := sheetFiles.ReadFile(name)
		if err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		view.Style += template.CSS(style)
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := tmpl.Execute(out, view); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return out.Flush()
}

// fit says how a text of a table may be broken up: a short one not at all, one
// with a long word anywhere, any other between words.
func fit(text string) string {
	if len(text) <= 16 {
		return "whole"
	}
	for word := range strings.FieldsSeq(text) {
		if len(word) > 20 {
			return "long"
		}
	}
	return ""
}
