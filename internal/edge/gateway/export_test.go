package gateway

import "hongyan/internal/edge/wire"

// RowOf tells tests which row answers a command: on a connection of a product,
// or before login if the product is empty.
func (g *Gateway) RowOf(product string, id wire.ID) (Row, bool) {
	table := g.firsts
	if product != "" {
		table = g.tables[product]
	}
	r, ok := table[id]
	if !ok {
		return Row{}, false
	}
	return r.Row, true
}
