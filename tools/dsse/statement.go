package dsse

// StatementType is the type of a [Statement].
const StatementType = "https://in-toto.io/Statement/v1"

// A Statement is an in-toto statement (https://in-toto.io/Statement/v1) about some files: the
// payload of an envelope of the type [InToto]. P is the type of its predicate.
type Statement[P any] struct {
	// Type is StatementType.
	Type string `json:"_type"`
	// Subject are the files, each with a digest.
	Subject []Resource `json:"subject"`
	// PredicateType is a URI that identifies the meaning of Predicate.
	PredicateType string `json:"predicateType"`
	Predicate     P      `json:"predicate"`
}

// A Resource is an in-toto ResourceDescriptor.
type Resource struct {
	Name string `json:"name,omitempty"`
	URI  string `json:"uri,omitempty"`
	// Digest is in hex, by the algorithm's name in in-toto's words, such as sha256.
	Digest map[string]string `json:"digest,omitempty"`
}

// File is the resource of a file with a name and a SHA-256, in hex.
func File(name, sha256 string) Resource {
	return Resource{Name: name, Digest: map[string]string{"sha256": sha256}}
}
