package nimwire

import "hongyan/internal/edge/wire"

// V2DownloadLocalAntiSpamVocabs is command 29-17, by which clients of version 10
// fetch the word list that they check themselves (docs/api/security.md section
// 2.1). The table has the commands of the SDKs 0.x alone: this one is written by
// hand.
var V2DownloadLocalAntiSpamVocabs = wire.Command{Name: "v2DownloadLocalAntiSpamVocabs", Product: "nim", Service: "msg", SID: 29, CID: 17,
	HasRequest: true, HasResponse: true, FromClient: true, Arrives: []wire.ID{{SID: 29, CID: 17}}}

// Beyond returns the commands that are served and not in the table.
func Beyond() []wire.Command { return []wire.Command{V2DownloadLocalAntiSpamVocabs} }

// Vocabs is the Property of v2DownloadLocalAntiSpamVocabs request and response.
type Vocabs struct {
	Version   wire.Value // 1
	MD5       wire.Value // 2
	NosURL    wire.Value // 3
	Thesaurus wire.Value // 4
}

// AppendProperty appends the set fields by ascending tag; a nil pointer is {}.
func (p *Vocabs) AppendProperty(dst []byte) []byte {
	dst = append(dst, '{')
	if p != nil {
		dst = wire.AppendTag(dst, `"1":`, p.Version)
		dst = wire.AppendTag(dst, `"2":`, p.MD5)
		dst = wire.AppendTag(dst, `"3":`, p.NosURL)
		dst = wire.AppendTag(dst, `"4":`, p.Thesaurus)
	}
	return append(dst, '}')
}

// DecodeProperty replaces all fields by those in raw and ignores unknown tags.
func (p *Vocabs) DecodeProperty(raw []byte) error {
	*p = Vocabs{}
	var d wire.Decoder
	d.OpenProperty(raw)
	for tag, ok := d.NextTag(); ok; tag, ok = d.NextTag() {
		switch tag {
		case 1:
			p.Version = d.Value()
		case 2:
			p.MD5 = d.Value()
		case 3:
			p.NosURL = d.Value()
		case 4:
			p.Thesaurus = d.Value()
		default:
			d.Skip()
		}
	}
	return d.Err()
}

// V2DownloadLocalAntiSpamVocabsRequest says which list the client has: version 0
// and no md5 if it has none.
type V2DownloadLocalAntiSpamVocabsRequest struct {
	Tag Vocabs // 0: Property
}

// DecodeQ implements wire.QCodec.
func (m *V2DownloadLocalAntiSpamVocabsRequest) DecodeQ(q []wire.Param) error {
	*m = V2DownloadLocalAntiSpamVocabsRequest{}
	c := wire.NewCursor(q, 1)
	if v := c.Next(wire.KindProperty); v != nil {
		if err := m.Tag.DecodeProperty(v); err != nil {
			return wire.ParamError("tag", err)
		}
	}
	return nil
}

// AppendQ implements wire.QEncoder.
func (m *V2DownloadLocalAntiSpamVocabsRequest) AppendQ(dst []byte) []byte {
	dst = append(dst, `[{"t":"Property","v":`...)
	return append(m.Tag.AppendProperty(dst), "}]"...)
}

// V2DownloadLocalAntiSpamVocabsResponse is the list.
type V2DownloadLocalAntiSpamVocabsResponse struct {
	Data Vocabs // 0: Property
}

// AppendR implements wire.REncoder.
func (m *V2DownloadLocalAntiSpamVocabsResponse) AppendR(dst []byte) []byte {
	return append(m.Data.AppendProperty(append(dst, '[')), ']')
}

// DecodeR implements wire.RCodec.
func (m *V2DownloadLocalAntiSpamVocabsResponse) DecodeR(r [][]byte) error {
	*m = V2DownloadLocalAntiSpamVocabsResponse{}
	if v := wire.Elem(r, 0); v != nil {
		if err := m.Data.DecodeProperty(v); err != nil {
			return wire.ParamError("data", err)
		}
	}
	return nil
}
