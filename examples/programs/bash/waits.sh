echo waiting
read -r -t 60 line < <(sleep 60)
