package resolve

// Harmless says that nothing is done instead of a script, because an image
// lacks nothing without it.
const Harmless = "harmless"

// known is a row of the table of maintainer scripts.
type known struct {
	pkg     string // "" for every package
	script  string // preinst, postinst, prerm, postrm, config, or triggers
	trigger string // for triggers: the directive, kind and name, without -noawait or -await
	instead string // what basal does: a part of the spec that generates it, or Harmless
	because string
}

// table holds every script and trigger that may be left out without a waiver.
// A row says what the script does to a fresh system, which is all that an image
// ever is. Rows were written by reading the scripts of Debian 12 and 13; a
// package that is not here has not been read, so it fails and its user decides.
var table = []known{
	// Every package.
	{"", "prerm", "", Harmless, "runs when a package is removed or upgraded; packages of an image are neither"},
	{"", "postrm", "", Harmless, "runs when a package is removed, purged or upgraded; packages of an image are not"},
	{"", "config", "", Harmless, "puts questions whose answers only postinst reads, and postinst is judged by itself"},
	{"", "triggers", "activate ldconfig", Harmless, "makes ld.so.cache, which only saves the search in the loader's default directories; packages that add directories in ld.so.conf.d are found through RUNPATH or LD_LIBRARY_PATH only"},
	{"", "triggers", "activate update-initramfs", Harmless, "rebuilds the boot image; a container has no kernel"},

	// base-files.
	{"base-files", "preinst", "", Harmless, "stops where /bin or /lib is no link into /usr, and keeps multilib links from other packages; the tree is built merged"},
	{"base-files", "postinst", "", Harmless, "copies dot files and /etc/profile for login shells, makes empty directories (/mnt, /srv, /opt, below /usr/local), login records in /var/log and links from /var/run and /var/lock to /run; name in files what an image needs of it"},
	{"base-files", "triggers", "interest /usr/lib32", Harmless, "links /lib32 to /usr/lib32 once a package brings that; name the link in files if one does"},
	{"base-files", "triggers", "interest /usr/lib64", Harmless, "as /usr/lib32, where the package has no /lib64 itself"},
	{"base-files", "triggers", "interest /usr/libo32", Harmless, "as /usr/lib32"},
	{"base-files", "triggers", "interest /usr/libx32", Harmless, "as /usr/lib32"},

	// Data.
	{"netbase", "postinst", "", Harmless, "writes /etc/hosts, over which container engines mount their own, and /etc/networks, with names for the zero and loopback networks that resolvers do not need"},
	{"tzdata", "postinst", "", Harmless, "links /etc/localtime to the zone that was chosen; without it the time is UTC, which is the default choice; name the link in files for another"},
	{"ca-certificates", "postinst", "", "certificates", "writes the bundle and the links below /etc/ssl/certs"},
	{"ca-certificates", "triggers", "interest update-ca-certificates", "certificates", "writes the bundle again when a package brings certificates"},
	{"ca-certificates", "triggers", "interest update-ca-certificates-fresh", "certificates", "as update-ca-certificates"},

	// Libraries.
	{"libc6", "preinst", "", Harmless, "stops on a kernel that is too old and on an LD_LIBRARY_PATH that would break an upgrade in progress"},
	{"libc6", "postinst", "", Harmless, "restarts services after an upgrade and triggers those that watch for one; an image runs none"},
	{"openssl", "postinst", "", Harmless, "links /usr/lib/ssl when it is not there; the package itself ships that directory"},
}
