// With_data has an unresolved symlink in its runfiles.
package main

func main() {}
