package starter

// The parts of the file that are the same for everybody, in the order of the
// language.
const (
	head = `# What is in the image. After every change: basal lock, then basal build -o out.
# Comments with one space after the # explain. The others are examples: take the # away
# to use one, and change it to what you need.

`

	contents = `# Debian packages, exactly these: nothing is added to them. Without archives of its own,
# a spec uses those of the one that it extends.
#archives:
#  - {uri: debian, suites: [trixie, trixie-updates], components: [main], signed-by: debian-13}
#packages: [busybox-static, tzdata]

# Dependencies and scripts of packages that are left out on purpose, with the reason.
#waive:
#  - {package: tzdata, depends: debconf, because: no maintainer script runs}

# Files of these packages to leave out, and those that may stay setuid or setgid.
#exclude: [/usr/share/doc/**]
#setuid: [/usr/bin/su]

# The authorities that TLS clients trust: Debian's, and your own.
#certificates: {bundle: debian, add: [own.pem]}

# Lines of /etc/passwd and /etc/group; home-mode makes the home directory.
#accounts:
#  users: [{name: app, uid: 1000, gid: 1000, home: /home/app, home-mode: "0700"}]
#  groups: [{name: app, gid: 1000}]

# Values in /usr/lib/os-release.
#os-release: {PRETTY_NAME: My image}

# Files, directories and links of your own. They win over what packages have there.
#files:
#  - {path: /etc/motd, content: "hello\n"}
#  - {path: /etc/app.conf, source: app.conf, mode: "0640"}
#  - {path: /var/lib/app, type: dir, uid: 1000, gid: 1000}
#  - {path: /usr/bin/app, type: symlink, target: server}

`

	layers = `# How packages become layers: per-package, single, or {budget: 8}.
#layers: per-package

`

	settings = `#cmd: [--verbose]
#env: {LANG: C.UTF-8}
#workdir: /var/lib/app
#ports: [8080/tcp]
#volumes: [/var/lib/app]
#labels: {com.example.team: ours}
#annotations: {org.opencontainers.image.title: My image}
#stop-signal: SIGTERM
`

	variants = `# More images on top of this one, each with a tag of its own; with takes another
# variant's part first.
#variants:
#  root: {config: {user: "0"}}
#  debug: {with: [root], packages: [strace]}
`
)
