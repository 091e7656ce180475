// Command residency shows, with evidence, in which country vendors answer the
// users of a market, and whether that is what they promised.
package main

import "os"

func main() { os.Exit(realMain()) }
