"""What a configuration for some records could be: a sample goes in, a proposal with reasons comes out.

In the order of the flow: `sampling` and `topics` take a sample, `fields` makes columns of it; `formats`,
`times`, `events`, `numbers`, `dimensions` and `pace` each choose one thing, and say how sure they are;
`proposing` puts them together, and `writing` makes TOML of that.
"""
