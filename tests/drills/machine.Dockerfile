# A Debian 13 that starts as a machine does: systemd, SSH, an account with sudo.
FROM debian:trixie-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends systemd-sysv dbus openssh-server python3 sudo ca-certificates iproute2 e2fsprogs \
 && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_*
RUN useradd --create-home --shell /bin/bash --gid operator operator \
 && echo 'operator ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/operator \
 && install -d -o operator -m 700 /home/operator/.ssh
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT ["/sbin/init"]
