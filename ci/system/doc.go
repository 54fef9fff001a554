// Package system tests the built program together with the tools that its
// images meet: Docker, skopeo, umoci, other users, other machines (qemu), other
// times (faketime), full disks. The tests stand behind the build tag "system",
// need root and the network; make test-system installs what they call.
package system
