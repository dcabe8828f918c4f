<?php
$stock = ['bolt' => 12, 'nut' => 0, 'washer' => 7];
foreach (array_filter($stock) as $item => $count) {
    printf("%-7s %3d\n", $item, $count);
}
exit(count($stock) - count(array_filter($stock)));
