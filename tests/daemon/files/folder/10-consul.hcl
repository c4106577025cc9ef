consul = "one-value-a-file:8500"
