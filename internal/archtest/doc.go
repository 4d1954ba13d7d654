// Package archtest holds the code against ARCHITECTURE.md: who may import whom,
// what every package must say about itself, and a few rules of the house.
//
// It reads source files and must not know what any of them does.
package archtest
