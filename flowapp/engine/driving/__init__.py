"""How a claimed run is driven: its body pumped, its steps run, its outcomes delivered in their order."""
