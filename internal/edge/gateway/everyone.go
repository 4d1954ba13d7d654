package gateway

// everyone returns this node's sessions of an app that have logged in: those a
// broadcast is for.
func (g *Gateway) everyone(app string) []*Session {
	var out []*Session
	for _, s := range g.all() {
		if l := s.login.Load(); l != nil && l.App.Key == app {
			out = append(out, s)
		}
	}
	return out
}
