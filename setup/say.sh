# Sourced by setup/ensure.sh: how set-up speaks, and how it stops.

# say TEXT: one line to the person, on stderr; an indented one is to be copied and stands alone.
say() {
    case $1 in
    "  "*) printf '\n%s\n\n' "$1" >&2 ;;
    *) printf 'qalta: %s\n' "$1" >&2 ;;
    esac
}

# step TEXT: what begins now.
step() {
    printf '==> %s\n' "$1" >&2
}

# stop TEXT...: what is missing and what to do; exit 3.
stop() {
    for text in "$@"; do
        say "$text"
    done
    exit 3
}

# interrupted TEXT: a signal came, and what to do; exit 4.
interrupted() {
    trap - INT TERM HUP
    say "$1"
    exit 4
}

# watched COMMAND...: runs it with its output in $log, showing a line per download; its own exit status.
watched() {
    : >"$log"
    { "$@" </dev/null 2>&1; echo "$?" >"$scratch/status"; } | while IFS= read -r line; do
        printf '%s\n' "$line" >>"$log"
        case $line in
        *Downloading*.metadata*) ;;
        *Downloading*) show_download "${line#*Downloading }" ;;
        "Get:"*)
            line=${line#* }
            printf '    %s\n' "${line#* }" >&2
            ;;
        "Setting up "*) printf '    %s\n' "${line%% (*}" >&2 ;;
        "Installing collected"*) printf '    %s\n' "${line%%:*}" >&2 ;;
        esac
    done
    return "$(cat "$scratch/status")"
}

# show_download "URL-OR-NAME (size)": the file's name without tags, and its size.
show_download() {
    size=${1##* (}
    name=${1%% (*}
    name=${name##*/}
    name=${name%%-cp[0-9]*}
    printf '    %s (%s\n' "${name%%-py[23]*}" "$size" >&2
}

# explain WHAT: why a download failed, from $log, as far as it can be told; exit 3.
explain() {
    say "$1 failed. The last lines were:"
    tail -n 8 "$log" | sed 's/^/    | /' >&2
    why="unknown; the lines above are all that the installer said"
    if grep -qE 'No space left on device' "$log"; then
        why="the disk is full"
    elif grep -qE 'Permission denied|EACCES' "$log"; then
        why="$venv belongs to another user; remove it (rm -rf $venv) and run again"
    elif grep -qE 'DO NOT MATCH THE HASHES' "$log"; then
        why="a file is not the one that the lock file names; something between you and the registry changed it"
    elif grep -qE '(winscard|Python)\.h: No such file|Install swig|[cC]ommand .*gcc.* failed' "$log"; then
        why="what pyscard is built with is wanting: $build_packages and the headers of this Python (python3-dev)"
    elif grep -qE 'Could not get lock|Unable to acquire the dpkg' "$log"; then
        why="another installer is at work on this machine"
    elif grep -qE 'dpkg was interrupted|unmet dependencies|held broken' "$log"; then
        why="the system's own packages are in disorder; 'dpkg --configure -a' and 'apt-get -f install' mend that"
    elif grep -qiE 'resolv|NewConnectionError|Max retries|timed out|unreachable|Connection (refused|reset|broken)|Failed to fetch|ProxyError|SSLError|CERTIFICATE|IncompleteRead' "$log"; then
        why="the network, a proxy or the server could not be reached"
    elif grep -qE 'Unable to locate package|no installation candidate' "$log"; then
        why="this system's sources have no such package; qalta is set up for Debian 12 (and newer)"
    elif grep -qE 'No matching distribution|Could not find a version' "$log"; then
        why="the registry that pip uses here does not have that version for $(uname -m) and this Python"
    fi
    stop "likely why: $why" "what is done stays done; run the same command again when that is mended"
}
