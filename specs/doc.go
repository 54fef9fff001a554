// Package specs is the language of Basal: what a person writes about an image
// (Spec, in image.yaml) and what basal lock makes of it (Lock, in lock.json). It
// is pure: bytes in, values or faults out.
//
// # image.yaml
//
// A spec is one YAML document in UTF-8 of at most 1 MiB. Of YAML it takes
// mappings, lists, text and decimal numbers, in block style or in brackets, and
// comments. Anchors, aliases, merge keys, tags, directives, byte order marks,
// carriage returns, unknown keys and duplicate keys are faults, and so is a key
// without a value. Text that YAML readers take for something else is written in
// quotes: "0755", "1.0", "true".
//
//	version: 1
//	name: hello
//	summary: a program and the files it needs
//	platforms: [linux/amd64, linux/arm64]
//	archives:
//	  - {uri: debian, suites: [trixie, trixie-updates], components: [main], signed-by: debian-13}
//	packages: [base-files, netbase, tzdata]
//	waive:
//	  - {package: tzdata, depends: debconf, because: no maintainer script runs}
//	  - {package: base-files, depends: awk, because: no maintainer script runs}
//	exclude: [/usr/share/zoneinfo/right/**]
//	certificates: {bundle: debian, add: [own.pem]}
//	accounts:
//	  users: [{name: app, uid: 1000, gid: 1000, home: /home/app, home-mode: "0700"}]
//	  groups: [{name: app, gid: 1000}]
//	os-release: {PRETTY_NAME: Hello}
//	files:
//	  - {path: /tmp, type: dir, mode: "1777"}
//	  - {path: /etc/motd, content: "hello\n"}
//	  - {path: /usr/bin/tool, source: bin/tool-amd64, mode: "0755", platforms: [linux/amd64]}
//	go:
//	  - {package: ./cmd/hello, path: /usr/bin/hello, ldflags: [-s, -w], tags: [netgo]}
//	layers: per-package
//	config: {user: app, entrypoint: [/usr/bin/hello]}
//	variants:
//	  root: {config: {user: "0"}}
//
// # Grammar
//
// In this grammar x? may be left out, [x] is a list, {k: x} is a mapping with
// any keys k, and FIELD, SCRIPT and URL stand for themselves:
//
//	spec         = version: 1, name, summary?: line, platforms: [platform],
//	               (extends?: place | from?: image), archives?: [archive], certificates?, os-release?: {FIELD: line},
//	               layers?, variants?: {name: patch}, contents
//	contents     = packages?: [package], waive?: [waiver], exclude?: [glob],
//	               setuid?: [path], accounts?: {users?: [user], groups?: [group]},
//	               files?: [file], go?: [program], config?
//	patch        = with?: [name], contents
//	archive      = uri: "debian" | "debian-security" | URL, suites: [suite],
//	               components: [component], signed-by: place
//	waiver       = package, because: line, (depends: package | script: SCRIPT)
//	certificates = bundle?: "debian" | "none", add?: [local], remove?: [relative path]
//	user         = name, uid, gid, gecos?, home?, home-mode?: mode, shell?
//	group        = name, gid, members?: [name]
//	file         = path, uid?, gid?, platforms?: [platform], and by its type
//	               file (the default): mode?, (content: text | source: local | URL, digest?)
//	               dir:     mode?
//	               symlink: target
//	               links:   source: local, target
//	program      = package: local package | import path@version, path,
//	               ldflags?: ["-s" | "-w" | "-X=NAME=VALUE"], tags?: [word]
//	layers       = "per-package" | "single" | {budget: 2 or more}
//	config       = user?, env?: {NAME: text}, entrypoint?: [text], cmd?: [text], workdir?,
//	               labels?: {text: text}, annotations?: {text: text},
//	               ports?: [N | N/tcp | N/udp], volumes?: [path], stop-signal?
//
//	name         = [a-z0-9]+([._-][a-z0-9]+)*, at most 64; of accounts: [a-z_][a-z0-9_-]*, at most 32
//	package      = [a-z0-9][a-z0-9+.-]+ (Debian Policy 5.6.7)
//	image        = REGISTRY/REPOSITORY[:TAG][@sha256:HEX] with a tag, a digest or both
//	local package = ., or a clean path that begins with ./ or ../
//	place        = a name of something embedded, or a path that begins with . or /
//	local        = a clean relative path, in the spec's folder or below
//	path         = a clean absolute path; of files: no name begins with .wh.
//	mode         = octal digits in quotes, without setuid and setgid
//	line         = text without line breaks and other control characters
//	glob         = an absolute path with * ? ** [a-z] {a,b}
//
// setuid has the paths that are setuid or setgid in the packages and may stay so,
// each as its package has it; any other is refused when the image is built, and
// so is a path in setuid, or a glob in exclude, that fits nothing there.
//
// Lists have no element twice. uid and gid are 0 to 2147483647. FIELD is
// [A-Z0-9_]+, but not ID, VERSION_ID or VERSION_CODENAME, which stay Debian's.
// A waiver is about one of the packages, or about ca-certificates when its
// bundle is used. A variant's packages, users and groups, and those of the
// variants that it is made with, do not repeat the image's or each other's. A
// variant is not called latest, nor like another's tag on a platform, as in
// nonroot-amd64. On no platform is an entry of files or go at another's path or
// below a file, and no two homes are made at one path. A source that is a URL has
// a digest. The annotations org.opencontainers.image.base.name and .digest follow
// from the lock and are not set.
//
// # Layout
//
// Format writes keys in the order of the Go types, two spaces a level, lists
// below their key and indented, text that needs quotes in double quotes, and
// keeps comments. schema.json describes the language to editors.
//
// # lock.json
//
// A lock is canonical JSON (package canonjson) and a newline, at most 16 MiB, in
// the fields of Lock. It holds the whole spec, the parent's whole lock, and the
// digest of each input. ParseLock takes only what Encode can write, so that a
// lock has one spelling, and only what its own spec asks for.
package specs

//go:generate go run ./internal/genschema
