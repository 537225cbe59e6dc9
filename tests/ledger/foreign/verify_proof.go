// Verifies a proof of an entry (c2sp.org/tlog-proof) by the packages that Go verifies its modules with:
//
//	verify_proof KEY FILE
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func check(err error) {
	if err != nil {
		fmt.Println("not proved:", err)
		os.Exit(1)
	}
}

func hash(line string) tlog.Hash {
	parsed, err := tlog.ParseHash(line)
	check(err)
	return parsed
}

func main() {
	verifier, err := note.NewVerifier(os.Args[1])
	check(err)
	text, err := os.ReadFile(os.Args[2])
	check(err)
	head, checkpoint, _ := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	leaf, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	check(err)
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	check(err)
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		proof = append(proof, hash(line))
	}
	opened, err := note.Open([]byte(checkpoint), note.VerifierList(verifier))
	check(err)
	said := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(said[1], 10, 64)
	check(err)
	check(tlog.CheckRecord(proof, size, hash(said[2]), index, tlog.RecordHash(leaf)))
	fmt.Println("entry", index+1, "of", size)
}
