// Package live tests basal against the real Debian archive. Its test stands
// behind the build tag "live", because it needs the network; make test runs it.
package live
