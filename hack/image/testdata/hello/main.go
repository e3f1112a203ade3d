// Command hello stands for the operator: small, so that a test builds it for
// both architectures in seconds.
package main

import "fmt"

func main() { fmt.Println("hello") }
