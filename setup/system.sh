# Sourced by setup/ensure.sh: the system packages, by apt. Names joined by | are the same thing in different
# releases of Debian; the first is asked for.

run_packages='softhsm2 libsofthsm2 libzbar0|libzbar0t64 libusb-1.0-0'
# What the app's windows are drawn with: OpenGL (by the processor where there is no graphics card), what SDL, which
# comes with Kivy, loads by name, and multi-touch. Its SDL speaks X11 only; Wayland desktops show it by Xwayland.
run_packages="$run_packages libgl1 libgl1-mesa-dri libegl1 libgles2 libmtdev1|libmtdev1t64"
run_packages="$run_packages libx11-6 libxext6 libxcursor1 libxfixes3 libxi6 libxrandr2 libxrender1 libxss1"
# What pyscard is built with.
build_packages='gcc libc6-dev swig libpcsclite-dev'
# Independent PKCS#11 modules (NSS softokn, a TPM in software) and their tools, for the contract suite.
test_packages='opensc p11-kit p11-kit-modules libnss3 libnss3-tools swtpm libtpm2-pkcs11-1 tpm2-tools'
# A real smart card service with a virtual reader, for payments by tap.
test_packages="$test_packages pcscd vsmartcard-vpcd $build_packages"
# PostgreSQL, for private clusters of the tests; whichever version the release has.
test_packages="$test_packages postgresql"
# Displays without a screen, and a hand for them.
test_packages="$test_packages xvfb xauth xdotool"

policy=/usr/sbin/policy-rc.d
policy_mark='# made by the set-up of qalta; may be removed'
no_cluster=/etc/postgresql-common/createcluster.d/qalta.conf

# missing_packages LEVEL: names, one a line, of what is not installed.
missing_packages() {
    [ "${QALTA_SYSTEM_PACKAGES-}" != mine ] || return 0
    names=$run_packages
    [ "$1" = run ] || names="$names $test_packages"
    # shellcheck disable=SC2046,SC2086
    have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $(echo $names | tr '|' ' ') 2>/dev/null)
    for name in $names; do
        case "
$have
" in
        *"
installed ${name%%|*}
"*) ;;
        *"
installed ${name#*|}
"*) ;;
        *) echo "${name%%|*}" ;;
        esac
    done
}

missing_for_building() {
    [ "$1" = run ] || [ "${QALTA_SYSTEM_PACKAGES-}" = mine ] || missing_headers
}

# ensure_system_packages LEVEL: those, and Python itself where it is wanting.
ensure_system_packages() {
    # shellcheck disable=SC2046
    missing=$(echo $(missing_packages "$1") $(missing_python) $(missing_for_building "$1"))
    [ -n "$missing" ] || return 0
    install_line="apt-get install -y --no-install-recommends $missing"
    step "system packages: $missing"
    command -v apt-get >/dev/null 2>&1 || stop \
        "this system has no apt-get; install what corresponds to: $missing" \
        "then run again with QALTA_SYSTEM_PACKAGES=mine (and QALTA_PYTHON=PATH if need be)"
    become_root || stop \
        "this needs root, and you are neither root nor able to use sudo. As root, run:" \
        "  apt-get update && $install_line" \
        "and then the same command as now"
    hold_services
    # Old lists are good enough if they know every package; a mirror that has moved on is met with a second try.
    # shellcheck disable=SC2086
    if ! apt install --simulate $missing; then
        refresh_lists
        apt install $missing || explain "installing system packages"
    elif ! apt install $missing; then
        refresh_lists
        apt install $missing || explain "installing system packages"
    fi
    release_services
    # shellcheck disable=SC2046
    still=$(echo $(missing_packages "$1") $(missing_python) $(missing_for_building "$1"))
    [ -z "$still" ] || stop "apt-get said that it was done, yet these are missing: $still" \
        "If another Python is installed here, name it: QALTA_PYTHON=PATH (3.11 to 3.13)"
}

refresh_lists() {
    step "apt's package lists"
    apt update || explain "apt-get update"
}

# apt VERB ARGS...: apt-get that asks nothing and restarts nothing.
apt() {
    watched as_root env DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1 LC_ALL=C \
        apt-get -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 -o APT::Install-Recommends=false \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

# become_root: whether as_root can work. A password is asked for (by sudo itself) only at a terminal.
become_root() {
    [ "$(id -u)" -ne 0 ] || return 0
    command -v sudo >/dev/null 2>&1 || return 1
    sudo -n true 2>/dev/null && return 0
    [ -t 0 ] && [ -t 2 ] && [ -z "${CI-}" ] && sudo -v
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

# While apt works, Debian's own switches keep package scripts from starting anything, and PostgreSQL's from making a
# cluster that would be started with the machine from then on. An administrator's are left.
hold_services() {
    case " $missing " in
    *" postgresql "*)
        as_root mkdir -p "${no_cluster%/*}"
        printf '%s\ncreate_main_cluster = false\n' "$policy_mark" | as_root tee "$no_cluster" >/dev/null
        ;;
    esac
    [ ! -e "$policy" ] || return 0
    printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
}

# release_services: takes those switches away again, also ones that a killed set-up left.
release_services() {
    [ ! -e "$no_cluster" ] || as_root rm -f "$no_cluster" 2>/dev/null || say "please remove $no_cluster"
    [ -e "$policy" ] && grep -qF "$policy_mark" "$policy" 2>/dev/null || return 0
    as_root rm -f "$policy" 2>/dev/null || say "please remove $policy (left by an earlier set-up)"
}
