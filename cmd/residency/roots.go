package main

// The certificate authorities that Mozilla trusts, for machines that carry none
// (an empty container): used only where the system has no list of its own.
import _ "golang.org/x/crypto/x509roots/fallback"
