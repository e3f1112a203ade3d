// Package netns makes network namespaces, runs code and programs in them, and
// takes them down again with everything that runs in them. All of ours bear one
// prefix, by which what an earlier run left behind is recognised. Nothing here
// touches the network of the machine itself.
package netns
