module example.org/starter

go 1.26
