#!/usr/bin/env bash
# The root file system of a template, from nothing to a tar file, in the namespaces that template.bash makes: nothing that is
# mounted here is seen outside, and nothing that is started here outlives it.
#
# usage: rootfs.bash WORK [CACHE]
#
# In WORK: `sources`, `script` (inside.bash behind its values); out come `template.tar.zst`, `made` (JSON), `answers`; `step` says where it is.
set -euo pipefail
work=$1 cache=${2-} root=$1/root
export LC_ALL=C HOME=/root DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 022
read -r mirror suite <"$work/sources"
began=${EPOCHREALTIME//[!0-9]/} steps=""

stop() {
    echo "build: $1" >&2
    exit 1
}
step() { # NAME
    local now=${EPOCHREALTIME//[!0-9]/}
    [[ ! -s $work/step ]] || steps+=",\"$(<"$work/step")\":$(((now - began) / 1000))"
    began=$now
    echo "$1" >"$work/step"
}
inside() { chroot "$root" "$@"; }

# For the time of the build: no service starts, nothing is synced, apt goes the way that it goes here.
lay_out() {
    mkdir -p -- "$root"/{etc/apt/apt.conf.d,etc/dpkg/dpkg.cfg.d,usr/sbin,var/cache/apt/archives}
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/pvx-build"
    apt-config dump | grep -E '^Acquire::(http|https)::Proxy' >"$root/etc/apt/apt.conf.d/99pvx-build" || true
    http_proxy=${http_proxy:-$(sed -n 's/^Acquire::http::Proxy "\(.*\)";$/\1/p' "$root/etc/apt/apt.conf.d/99pvx-build")}
    [[ ! $http_proxy ]] || export http_proxy
    [[ ! $cache ]] || mount --bind -- "$cache" "$root/var/cache/apt/archives"
}
bootstrap() {
    local script=() more=()
    ! grep -q '^https:' "$work/sources" || more=(--include=ca-certificates) # apt in there has no certificates else
    [[ -e /usr/share/debootstrap/scripts/$suite ]] || script=(sid) # newer than this debootstrap
    debootstrap --variant=minbase "${more[@]}" --keyring=/usr/share/keyrings/debian-archive-keyring.gpg "$suite" "$root" "$mirror" "${script[@]}" || {
        tail -n 3 -- "$root/debootstrap/debootstrap.log" 2>/dev/null || true
        exit 1
    }
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    echo template >"$root/etc/hostname"
    cat /etc/resolv.conf >"$root/etc/resolv.conf"
    sed 's,^\([^ ]*\) \(.*\)$,deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \1 \2 main,' "$work/sources" >"$root/etc/apt/sources.list"
    mountpoint -q -- "$root/proc" || mount -t proc proc "$root/proc"
}
upgrade() {
    inside apt-get -q -o Acquire::Retries=2 -o Acquire::http::Timeout=20 -o APT::Update::Error-Mode=any update
    inside apt-get -q -y -o Dpkg::Use-Pty=0 -o Acquire::Retries=2 -o Acquire::http::Timeout=20 dist-upgrade
}
# As configure does in a guest.
fit() {
    inside bash -s <"$work/script" >"$work/answers"
    ! grep -q '"failed":' "$work/answers" || exit 1
}

# What each guest has of its own, or what differs from one build to the next. In there, as a command of the site may have made
# a link of anything. Sets `epoch`, the time of the newest package.
clean() {
    [[ ! $cache ]] || umount -- "$root/var/cache/apt/archives"
    epoch=$(inside bash -euo pipefail -s <<'CLEAN'
        find /usr/share/doc/ -type f \( -name copyright -o -name 'changelog*' \) -printf '%T@\n' | sort -n | tail -n 1 | cut -d . -f 1
        exec >&2
        rm -f /usr/sbin/policy-rc.d /etc/apt/apt.conf.d/99pvx-build /etc/dpkg/dpkg.cfg.d/pvx-build
        rm -f /etc/ssh/ssh_host_* /etc/hostname /etc/resolv.conf /var/lib/dbus/machine-id /var/lib/systemd/{random-seed,credential.secret}
        rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/backups/*
        rm -f /etc/{passwd,group,shadow,gshadow,subuid,subgid}- /root/.bash_history
        mkdir -p -m 755 /var/lib/apt/lists /var/cache/apt/archives
        find /var/log/ -type f \( -name wtmp -o -name btmp -o -name lastlog -o -name faillog \) -exec truncate -s 0 {} +
        find /var/log/ -type f -size +0 -delete
        find /tmp/ /var/tmp/ /run/ -xdev -mindepth 1 -delete
        ln -sfn /dev/null /etc/systemd/system/systemd-firstboot.service # it would ask on the console, and keep the guest waiting
        # Empty: systemd makes one at the first start, and PVE the other, which goes with a certificate.
        : >/etc/machine-id
        for file in /etc/ssl/private/ssl-cert-snakeoil.key /etc/ssl/certs/ssl-cert-snakeoil.pem; do [ ! -e "$file" ] || : >"$file"; done
        printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >/etc/hosts
        printf 'auto lo\niface lo inet loopback\n\nsource /etc/network/interfaces.d/*\n' >/etc/network/interfaces
CLEAN
    )
    [[ $epoch =~ ^[0-9]+$ ]] || stop "no package of it has a date"
    ((epoch <= EPOCHSECONDS)) || stop "the clock here is wrong: it is before the newest package, $(date -u -d "@$epoch" +%FT%TZ)"
    # The day on which an account's password was set is that of the build.
    # shellcheck disable=SC2016 # awk's
    inside awk -v day=$((epoch / 86400)) 'BEGIN { FS = OFS = ":" } $3 != "" { $3 = day } { print }' /etc/shadow >"$work/shadow"
    inside sh -c 'cat >/etc/shadow' <"$work/shadow"
    local secret
    secret=$(inside grep -rlE -m 1 -e '-----BEGIN ([A-Z]+ )*PRIVATE KEY' /etc /root /home /opt /srv /usr/local /var/lib 2>/dev/null | head -n 1) || true
    [[ ! $secret ]] || { echo "refused: $secret is a private key, which each guest made from this would have" >&2 && exit 1; }
}

pack() {
    umount -R -- "$root/proc" "$root/sys" "$root/dev" 2>/dev/null || true
    # Sorted, with no time after the newest package's, and with no process's number in its names.
    tar --create --directory="$root" --one-file-system --sort=name --numeric-owner --mtime="@$epoch" --clamp-mtime --xattrs --xattrs-include='security.capability' \
        --format=pax --pax-option='exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime' \
        --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' --exclude='./run/*' --exclude='./tmp/*' . |
        zstd -q -T2 -9 -o "$work/template.tar.zst" # one thread packs otherwise than two
}

step debootstrap
lay_out
bootstrap
step upgrade
upgrade
step packages
fit
step clean
clean
# shellcheck disable=SC2016 # dpkg-query's
inside dpkg-query -W -f '${db:Status-Status}\t${Package}\t${Version}\n' | sed -n 's/^installed\t//p' >"$work/installed"
debian=$(head -n 1 -- "$root/etc/debian_version")
[[ $debian ]] || stop "/etc/debian_version is empty, and the template's name has it"
step pack
pack
step made
recipe=$(cat -- "${0%/*}"/{rootfs,inside}.bash | sha256sum)
jq -nR --arg debian "$debian" --arg recipe "${recipe:0:8}" --arg arch "$(inside dpkg --print-architecture)" --argjson epoch "$epoch" --arg suite "$suite" \
    --rawfile sources "$work/sources" --argjson steps "{${steps#,}}" \
    '{$suite, $debian, $arch, date: ($epoch | todate), $recipe, sources: ($sources | rtrimstr("\n") | split("\n")), steps_ms: $steps,
      packages: ([inputs | split("\t") | {(.[0]): .[1]}] | add)}' <"$work/installed" >"$work/made"
