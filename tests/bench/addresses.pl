# Prints an ip-addresses.csv in NetBox's import form: 1,000,000 addresses of 10.0.0.0/8,
# in no order, each owned by a guest. 10.0.0.1 has no record, and the only gap below
# the highest one is at nine tenths of them, 10.13.187.162.
use strict;
use warnings;

my $count = 1_000_001;
my $gap   = 900_000;

print 'address,vrf,tenant,status,role,device,virtual_machine,interface,fhrp_group,is_primary,'
    . "is_oob,dns_name,description,owner,comments,tags,cf_ipalloc_key\n";
for my $n (0 .. $count - 1) {
    my $offset = $n * 618_033 % $count;    # no common factor: every offset once
    next if $offset == $gap;
    my $address = (10 << 24) + 2 + $offset;
    my $dotted  = join '.', unpack 'C4', pack 'N', $address;
    printf "%s/8,,,active,,,,,,,,guest-%07d.lab.example,,,,,guest-%07d\n", $dotted, $offset, $offset;
}
