# SPDX-License-Identifier: Apache-2.0
# Ports of loopback for servers of tests; for scripts that have a function fail.

# free_ports COUNT: print the first of so many in a row that nothing listens on
free_ports() {
    # the kernel's own choice would need a program that binds port 0, so try a few at random
    local base port
    for _ in 1 2 3 4 5 6 7 8 9; do
        base=$((20000 + RANDOM % 12000))
        for ((port = base; port < base + $1; port++)); do
            if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then continue 2; fi
        done
        echo "$base"
        return
    done
    fail "found no free port"
}
