<?php
echo "asleep\n";
sleep(60);
