// Package baseimage reads published images that other images stand on: their
// documents, and the file system that their layers make.
//
// A base is used bytewise. What is computed here decides no byte of it: the
// builder wants to know what is there already, so that what it adds fits on top.
//
// Layers are read as the OCI image specification describes them (layer.md), and
// where it leaves a choice, as umoci and containerd unpack them: entries take
// effect in the order of the archive, a deletion (.wh.NAME, .wh..wh..opq) hides
// what lower layers have and nothing of its own layer, and a parent that is a
// symlink below is followed, never out of the image. Extended attributes are
// passed over; they stay in the base's own layers. Devices, fifos and sparse
// files are refused.
//
// All of it comes from strangers: sizes, numbers and depths have caps, and every
// byte is checked against the digest that names it.
package baseimage
