# Prints 1,000,000 guests of about 135 bytes each, the same ones every time.
use strict;
use warnings;

for my $n (0 .. 999_999) {
    my ($vlan, $host) = (1 + $n % 254, 1 + int($n / 254) % 254);
    printf '{"name":"guest-%06d","vlan":%d,"address":"192.168.%d.%d/24","node":"node%d",'
        . '"status":"running","maxmem":%d,"tags":"%s"}' . "\n",
        $n, $vlan, $vlan, $host, 2 + $n % 5, (1 + $n % 8) << 30, $n % 3 ? 'docker;prod' : 'nfs;test';
}
