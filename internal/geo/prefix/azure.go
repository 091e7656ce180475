package prefix

import (
	"errors"
	"strings"
	"time"
)

// azureFile is the part that is read of Microsoft's ServiceTags_Public.json
// (https://www.microsoft.com/en-us/download/details.aspx?id=56519, with one
// more for each national cloud).
type azureFile struct {
	ChangeNumber int `json:"changeNumber"`
	Values       []struct {
		Name       string `json:"name"`
		Properties struct {
			AddressPrefixes []string `json:"addressPrefixes"`
		} `json:"properties"`
	} `json:"values"`
}

// azureCloud begins the tags that hold all addresses of one region.
const azureCloud = "AzureCloud."

// readAzure reads the service tags. Only the tags of whole regions are read:
// the others repeat their prefixes by service, or have no region. The front
// ends of Azure Front Door answer users from many places, and veto; its back
// ends only call origins. The file tells no date, its name as published does.
func readAzure(l *list, f file) (time.Time, error) {
	var from azureFile
	if err := f.decode(&from); err != nil {
		return time.Time{}, err
	}
	if from.ChangeNumber == 0 {
		return time.Time{}, errors.New("no changeNumber in it: not the JSON that is published")
	}
	n := 0
	for _, tag := range from.Values {
		region, regional := strings.CutPrefix(tag.Name, azureCloud)
		edge := tag.Name == "AzureFrontDoor.Frontend" || tag.Name == "AzureFrontDoor.FirstParty"
		for _, text := range tag.Properties.AddressPrefixes {
			n++
			if !edge && (!regional || region == "") {
				continue
			}
			e, err := l.parse(n, text)
			if err != nil {
				return time.Time{}, err
			}
			if edge {
				e.edge = "shared edge of Azure Front Door"
			} else {
				e.region(region)
			}
		}
	}
	return dayInName(f.name), nil
}
