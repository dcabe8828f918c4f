use strict;
use warnings;

my (%hits, $bytes);
while (my $line = <STDIN>) {
    next unless $line =~ m{"(GET|POST) (\S+) HTTP/[\d.]+" (\d{3}) (\d+)};
    $hits{"$3 $2"}++;
    $bytes += $4;
}
print "$hits{$_} $_\n" for sort { $hits{$b} <=> $hits{$a} || $a cmp $b } keys %hits;
print "$bytes bytes\n";
