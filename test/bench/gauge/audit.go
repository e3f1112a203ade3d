package gauge

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// A Request is one that the API server has answered.
type Request struct {
	User, Verb           string
	Group, Resource, Sub string // Sub is the subresource: status
	Namespace, Name      string
	Code                 int
	Received, Answered   time.Time
}

// entry is a line of the audit log (audit.k8s.io/v1 Event), as far as it is read.
type entry struct {
	Stage string `json:"stage"`
	Verb  string `json:"verb"`
	User  struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
		APIGroup    string `json:"apiGroup"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	RequestReceivedTimestamp time.Time `json:"requestReceivedTimestamp"`
	StageTimestamp           time.Time `json:"stageTimestamp"`
}

// A Log is the audit log of an API server, read on from where the reader is.
type Log struct {
	path   string
	offset int64
}

// OpenLog reads a log from its end: what was before is of no interest.
func OpenLog(path string) (*Log, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return &Log{path: path}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding the audit log: %w", err)
	}
	return &Log{path: path, offset: info.Size()}, nil
}

// Next returns what was answered since it was called last, of one user; all of
// it without one. The API server writes its line before the client has the
// answer.
func (l *Log) Next(user string) ([]Request, error) {
	file, err := os.Open(l.path)
	if err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(l.offset, io.SeekStart); err != nil {
		return nil, fmt.Errorf("seeking in the audit log: %w", err)
	}
	var out []Request
	reader := bufio.NewReaderSize(file, 1<<20)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return out, nil // the rest of the line is yet to come
		}
		if err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		l.offset += int64(len(line))
		r, is, err := answered(line, user)
		if err != nil {
			return nil, err
		}
		if is {
			out = append(out, r)
		}
	}
}

// answered reads a line, and reports whether it is about an answer to a user.
func answered(line []byte, user string) (Request, bool, error) {
	if !bytes.Contains(line, []byte(user)) {
		return Request{}, false, nil
	}
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		return Request{}, false, fmt.Errorf("reading a line of the audit log: %w", err)
	}
	return e.request(), e.Stage == "ResponseComplete" && (user == "" || e.User.Username == user), nil
}

func (e *entry) request() Request {
	o := e.ObjectRef
	return Request{
		User: e.User.Username, Verb: e.Verb, Group: o.APIGroup, Resource: o.Resource, Sub: o.Subresource,
		Namespace: o.Namespace, Name: o.Name, Code: e.ResponseStatus.Code,
		Received: e.RequestReceivedTimestamp, Answered: e.StageTimestamp,
	}
}

// Of returns the requests that are as a question says.
func Of(list []Request, is func(Request) bool) []Request {
	return slices.DeleteFunc(slices.Clone(list), func(r Request) bool { return !is(r) })
}

// IsWrite reports whether a request changes what users see of the cluster: a
// Lease is how replicas take turns, an Event is news, and a review is a question.
func IsWrite(r Request) bool {
	switch r.Resource {
	case "leases", "events", "subjectaccessreviews", "tokenreviews":
		return false
	}
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, r.Verb)
}

// IsPolicyWrite reports whether a request writes a policy or a CIDR group.
func IsPolicyWrite(r Request) bool {
	return IsWrite(r) && (strings.HasPrefix(r.Resource, "cilium") || r.Resource == "networkpolicies")
}

// IsEvent reports whether a request tells news.
func IsEvent(r Request) bool { return r.Resource == "events" }

// Kinds counts requests by what they do: "create networkpolicies".
func Kinds(list []Request) map[string]int {
	out := map[string]int{}
	for _, r := range list {
		what := r.Verb + " " + r.Resource
		if r.Sub != "" {
			what += "/" + r.Sub
		}
		out[what]++
	}
	return out
}
