use strict;
use warnings;

my @values = ([1000, 'M'], [900, 'CM'], [500, 'D'], [400, 'CD'], [100, 'C'], [90, 'XC'],
    [50, 'L'], [40, 'XL'], [10, 'X'], [9, 'IX'], [5, 'V'], [4, 'IV'], [1, 'I']);
for my $number (@ARGV) {
    my ($rest, $roman) = ($number, '');
    for my $pair (@values) {
        my ($value, $letters) = @$pair;
        while ($rest >= $value) { $roman .= $letters; $rest -= $value }
    }
    print "$number = $roman\n";
}
